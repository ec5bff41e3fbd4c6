import { describe, expect, test } from "@jest/globals";
import { requireOwnSession } from "../../src/sessions/own-session.js";
import { describeGates, type Tokens } from "../support/gate.js";

// Only commands and features call these methods.
describeGates((gate) => {
  let names = 0;
  const newUser = (role: "USER" | "ADMIN" = "USER") => gate.user(`user${(names += 1)}`, { role });

  const principalOf = async ({ authorization }: Pick<Tokens, "authorization">) =>
    (await gate.auth.createContext({ headers: { authorization } })).loadUser();

  const authenticatedAt = async (id: string) => {
    const statement = `SELECT authenticated_at AS at FROM session WHERE id = ?`;
    return Number((await gate.sql(statement, [id]))[0].at);
  };

  const endsIn = (userId: string) =>
    gate.events.filter((event) => event.type === "session_ended" && event.userId === userId);

  /** Opens a session in which an administrator acts as a user. */
  async function impersonate() {
    const [adminId, userId] = [await newUser("ADMIN"), await newUser()];
    const own = await gate.issue(adminId);
    const impersonator = await principalOf(own);
    const issued = await gate.core.authentication.issue(userId, { scheme: "JWT", impersonator });
    const { access, refresh, principal } = issued;
    const { session } = principal;
    const authorization = `Bearer ${access!}`;
    return { adminId, userId, own, tokens: { refresh: refresh!, session, authorization } };
  }

  describe("endMatching", () => {
    test("ends the open sessions of one user, and reports each with the reason", async () => {
      const [id, other] = [await newUser(), await newUser()];
      const ids = [(await gate.issue(id)).session.id, (await gate.issue(id, "TOKEN")).session.id];
      const kept = await gate.issue(other);
      expect(await gate.core.sessions.endMatching({ userId: id }, "revoked")).toBe(2);
      expect(await gate.core.sessions.endMatching({ userId: id }, "revoked")).toBe(0);
      const ends = ids.map((sessionId) => ({
        ...{ type: "session_ended", userId: id, sessionId, reason: "revoked" },
      }));
      expect(endsIn(id)).toHaveLength(2);
      expect(endsIn(id)).toEqual(expect.arrayContaining(ends));
      expect((await gate.me(kept.authorization)).status).toBe(200);
    });

    test("ends the sessions that were opened before an instant", async () => {
      const id = await newUser();
      const old = await gate.issue(id);
      gate.advance(1);
      const recent = await gate.issue(id);
      const query = { userId: id, createdBefore: gate.now };
      expect(await gate.core.sessions.endMatching(query, "revoked")).toBe(1);
      expect((await gate.me(old.authorization)).reason).toBe("token_revoked");
      expect((await gate.me(recent.authorization)).status).toBe(200);
    });

    test("ends the sessions of all users, more than a thousand of them", async () => {
      const id = await newUser();
      const { authorization } = await gate.issue(id);
      await gate.core.sessions.endMatching({}, "revoked");
      expect((await gate.me(authorization)).reason).toBe("token_revoked");
      const copies = Array.from(
        { length: 1001 },
        (_, at) => `('copy${at}', '${id}', 'JWT', 0, 1, 1)`,
      );
      await gate.sql(
        `INSERT INTO session (id, user_id, scheme, credentials_version, created_at, rotated_at) VALUES ${copies.join()}`,
      );
      expect(await gate.core.sessions.endMatching({}, "revoked")).toBe(1001);
    });
  });

  describe("recordAuthentication", () => {
    test("records the present time in the session of a login, and in no other", async () => {
      const id = await newUser();
      const [jwt, sliding, fixed, other] = [
        await gate.issue(id),
        await gate.issue(id, "SLIDING"),
        await gate.issue(id, "TOKEN"),
        await gate.issue(id),
      ];
      gate.advance(60);
      for (const { session } of [jwt, sliding]) {
        expect(await gate.core.sessions.recordAuthentication(session, 0)).toBe(gate.now);
        expect(await authenticatedAt(session.id)).toBe(gate.now);
      }
      expect(await gate.core.sessions.recordAuthentication(fixed.session, 0)).toBeNull();
      for (const { session } of [fixed, other]) expect(await authenticatedAt(session.id)).toBe(0);
    });

    test("records nothing if the session has ended, or the password has changed", async () => {
      const { session } = await gate.issue(await newUser());
      const { sessions } = gate.core;
      expect(await sessions.recordAuthentication(session, 1)).toBeNull();
      await gate.auth.sessions.end(session);
      expect(await sessions.recordAuthentication(session, 0)).toBeNull();
    });
  });

  describe("a session in which an administrator acts as a user", () => {
    test("is the user's, names the administrator, and may do nothing that needs the user's own", async () => {
      const { adminId, userId, own, tokens } = await impersonate();
      const user = await principalOf(tokens);
      expect([user.id, user.session.impersonatorId]).toEqual([userId, adminId]);
      expect(() => {
        requireOwnSession(user);
      }).toThrow("An administrator who acts as a user cannot do this.");
      expect(await gate.core.sessions.recordAuthentication(tokens.session, 0)).toBeNull();
      requireOwnSession(await principalOf(own));
      const fixed = await principalOf(await gate.issue(userId, "TOKEN"));
      expect(() => {
        requireOwnSession(fixed);
      }).toThrow("A static token cannot do this. Log in instead.");
    });

    const ENDS: [what: string, end: (ids: { adminId: string; own: Tokens }) => Promise<unknown>][] =
      [
        ["session has ended", ({ own }) => gate.auth.sessions.end(own.session)],
        [
          "password was changed",
          ({ adminId }) => gate.auth.accounts.setPassword(adminId, "another correct horse"),
        ],
        ["account is inactive", ({ adminId }) => gate.auth.accounts.setActive(adminId, false)],
        ["role is lower", ({ adminId }) => gate.auth.accounts.setRole(adminId, "USER")],
      ];
    test.each(ENDS)("is refused once the administrator's %s", async (_what, end) => {
      // Another administrator, because the last one must stay.
      await newUser("ADMIN");
      const { adminId, own, tokens } = await impersonate();
      expect((await gate.me(tokens.authorization)).status).toBe(200);
      await end({ adminId, own });
      const refused = { status: 401, reason: "token_revoked" };
      expect(await gate.me(tokens.authorization)).toMatchObject(refused);
      expect(await gate.refresh(tokens.refresh)).toMatchObject(refused);
    });
  });
});
