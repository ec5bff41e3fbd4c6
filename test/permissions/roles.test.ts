import { beforeAll, describe, expect, test } from "@jest/globals";
import { describeGates, Gate } from "../support/gate.js";

const LIST = "{ allSessions { edges { node { id } } } }";

describeGates((gate, database) => {
  let adminId: string;

  beforeAll(async () => {
    adminId = await gate.user("ada", { role: "ADMIN" });
  });

  describe("an ADMIN's field", () => {
    test.each(["TOKEN", "JWT"] as const)(
      "G-04, G-09: runs for an admin signed in by %s, because the role belongs to the user, not to the scheme",
      async (scheme) => {
        const { authorization, session } = await gate.login("ada", scheme);
        const { data } = await gate.ask(LIST, { authorization });
        const ids = data.allSessions.edges.map((edge: any) => edge.node.id);
        expect(ids).toContain(session.id);
      },
    );

    test.each(["TOKEN", "JWT"] as const)(
      "G-05: is 403 FORBIDDEN for a USER signed in by %s",
      async (scheme) => {
        await gate.user(`bob.${scheme}`);
        const { authorization } = await gate.login(`bob.${scheme}`, scheme);
        const answer = await gate.ask(LIST, { authorization });
        expect(answer).toMatchObject({
          status: 403,
          code: "FORBIDDEN",
          reason: "role_required",
          data: null,
        });
        expect(answer.headers.get("www-authenticate")).toBeNull();
      },
    );

    test("G-07: is 401 UNAUTHENTICATED for an anonymous caller", async () => {
      const answer = await gate.ask(LIST);
      expect(answer).toMatchObject({
        status: 401,
        code: "UNAUTHENTICATED",
        reason: "no_credentials",
      });
    });

    test("G-06: is FORBIDDEN for a user without a Profile, who counts as USER", async () => {
      const id = await gate.user("cyd", { role: "ADMIN" });
      const { authorization } = await gate.login("cyd");
      await gate.sql(`DELETE FROM profile WHERE user_id = ?`, [id]);
      expect(await gate.ask(LIST, { authorization })).toMatchObject({
        status: 403,
        code: "FORBIDDEN",
      });
      const { data } = await gate.ask("{ me { profile { role } } }", { authorization });
      expect(data.me.profile.role).toBe("USER");
    });

    test("G-06: is FORBIDDEN for a Profile with a role that does not exist", async () => {
      const id = await gate.user("gus", { role: "ADMIN" });
      const { authorization } = await gate.login("gus");
      for (const role of ["admin", "ROOT", "", "ADMIN "]) {
        await gate.sql(`UPDATE profile SET role = ? WHERE user_id = ?`, [role, id]);
        expect(await gate.ask(LIST, { authorization })).toMatchObject({ status: 403 });
      }
    });

    test.each(["TOKEN", "JWT"] as const)(
      "G-08: is refused to a deactivated admin, even with a %s credential that still exists",
      async (scheme) => {
        const id = await gate.user(`dan.${scheme}`, { role: "ADMIN" });
        const { authorization } = await gate.login(`dan.${scheme}`, scheme);
        expect((await gate.ask(LIST, { authorization })).status).toBe(200);
        await gate.auth.accounts.setActive(id, false);
        const answer = await gate.ask(LIST, { authorization });
        expect(answer).toMatchObject({ code: "UNAUTHENTICATED", reason: "user_inactive" });
      },
    );

    test("R-02, JW-13: a changed role takes effect at the next request, in the same session", async () => {
      const id = await gate.user("eve");
      const { authorization } = await gate.login("eve");
      expect((await gate.ask(LIST, { authorization })).status).toBe(403);
      await gate.auth.accounts.setRole(id, "ADMIN");
      expect((await gate.ask(LIST, { authorization })).status).toBe(200);
      await gate.auth.accounts.setRole(id, "USER");
      expect((await gate.ask(LIST, { authorization })).status).toBe(403);
    });

    test("G-22: the last active ADMIN cannot be demoted, deactivated or deleted", async () => {
      const lonely = await Gate.open({}, database);
      const { accounts } = lonely.auth;
      try {
        const id = await lonely.user("ada", { role: "ADMIN" });
        const other = await lonely.user("bob", { role: "ADMIN" });
        await lonely.user("cyd");
        await accounts.setActive(other, false);
        const { authorization } = await lonely.login("ada");
        const tries = [
          () => accounts.setRole(id, "USER"),
          () => accounts.setActive(id, false),
          () => accounts.deleteUser(id),
        ];
        for (const attempt of tries) {
          await expect(attempt()).rejects.toMatchObject({ code: "BAD_USER_INPUT" });
          expect((await lonely.ask(LIST, { authorization })).status).toBe(200);
        }
        await accounts.setActive(other, true);
        await accounts.setRole(id, "USER");
        expect((await lonely.ask(LIST, { authorization })).status).toBe(403);
      } finally {
        await lonely.close();
      }
    });

    test("G-22: two admins who demote each other at the same time leave one ADMIN", async () => {
      const pair = await Gate.open({}, database);
      try {
        const ids = [
          await pair.user("ada", { role: "ADMIN" }),
          await pair.user("bob", { role: "ADMIN" }),
        ];
        const results = await Promise.allSettled(
          ids.map((id) => pair.auth.accounts.setRole(id, "USER")),
        );
        expect(results.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
      } finally {
        await pair.close();
      }
    });

    test("G-22: an inactive ADMIN can be deleted while another ADMIN is active", async () => {
      const id = await gate.user("hal", { role: "ADMIN" });
      await gate.auth.accounts.setActive(id, false);
      await gate.auth.accounts.deleteUser(id);
      expect((await gate.auth.accounts.findUser({ username: "hal" }))?.id).toBeUndefined();
      expect(adminId).toMatch(/^[0-9a-f]{32}$/);
    });
  });
});
