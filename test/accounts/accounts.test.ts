import { inspect } from "node:util";
import { beforeAll, describe, expect, test } from "@jest/globals";
import { BadUserInput, NoSuchUser, ServiceUnavailable, type UserRef } from "../../src/index.js";
import { attemptByEmail, REFUSED } from "../support/attempts.js";
import { DATABASES, Gate, PASSWORD, setUpGate } from "../support/gate.js";

const UNKNOWN = "0".repeat(32);

describe.each(DATABASES)("auth.accounts over %s", (database) => {
  const gate = setUpGate({}, database);
  let adminId: string;
  let names = 0;

  beforeAll(async () => {
    adminId = await gate.user("root", { role: "ADMIN" });
  });

  const newUser = () => gate.user(`user${(names += 1)}`);

  /** Every method that takes a user. */
  const methods = (): Record<string, (user: UserRef) => Promise<unknown>> => {
    const { accounts, authentication, sessions } = gate.auth;
    return {
      getUser: (user) => accounts.getUser(user),
      setPassword: (user) => accounts.setPassword(user, "another correct horse"),
      "setPassword to a weak one": (user) => accounts.setPassword(user, "password"),
      "setRole to ADMIN": (user) => accounts.setRole(user, "ADMIN"),
      "setRole to USER": (user) => accounts.setRole(user, "USER"),
      activate: (user) => accounts.setActive(user, true),
      deactivate: (user) => accounts.setActive(user, false),
      unlock: (user) => accounts.unlock(user),
      deleteUser: (user) => accounts.deleteUser(user),
      "sessions.list": (user) => sessions.list(user),
      "sessions.endAll": (user) => sessions.endAll(user),
      createStaticToken: (user) => authentication.createStaticToken(user),
    };
  };

  const refusalOf = (result: Promise<unknown>) =>
    result.then(
      () => "no refusal",
      (error: unknown) => error,
    );

  describe("a user", () => {
    test("can be given as the id that createUser returns, or as any object with that id", async () => {
      const { accounts } = gate.auth;
      const id = await newUser();
      const { authorization } = await gate.login(`user${names}`);
      const { user } = await gate.auth.createContext({ headers: { authorization } });
      const refs: UserRef[] = [id, { id }, user!, await accounts.getUser(id)];
      for (const ref of refs) {
        await accounts.setRole(ref, "ADMIN");
        expect(await accounts.getUser(ref)).toMatchObject({ id, role: "ADMIN" });
        await accounts.setRole(ref, "USER");
        await accounts.setActive(ref, false);
        expect(await accounts.getUser(ref)).toMatchObject({ id, isActive: false });
        await accounts.setActive(ref, true);
        await accounts.unlock(ref);
        await accounts.setPassword(ref, PASSWORD);
      }
      await accounts.deleteUser({ id });
      expect(await accounts.findUser({ username: `user${names}` })).toBeNull();
    });

    test("is found by user name or e-mail address in any case, and the result has no secrets", async () => {
      const { accounts } = gate.auth;
      const id = await gate.user("Ada", { email: "Ada@example.com", role: "ADMIN" });
      const createdAt = gate.now;
      gate.advance(60);
      await gate.login("ada");
      const ada = {
        id,
        username: "Ada",
        email: "Ada@example.com",
        role: "ADMIN",
        isActive: true,
        createdAt,
        lastLoginAt: gate.now,
      };
      expect(await accounts.findUser({ username: "ADA" })).toEqual(ada);
      expect(await accounts.findUser({ email: "ada@EXAMPLE.com" })).toEqual(ada);
      expect(await accounts.getUser(id)).toEqual(ada);
      expect(await accounts.findUser({ username: "nobody" })).toBeNull();
      await gate.sql(`DELETE FROM profile WHERE user_id = ?`, [id]);
      expect(await accounts.getUser(id)).toEqual({ ...ada, role: "USER" });
    });

    test.each([
      ["unknown", UNKNOWN],
      ["unknown, as an object", { id: UNKNOWN }],
      ["empty", ""],
      ["too short", "abc"],
      ["in capitals", "A".repeat(32)],
      ["SQL", `' OR '1'='1`],
      ["a number", 42],
      ["a number, as an object", { id: 42 }],
      ["an array", [UNKNOWN]],
      ["an object without an id", {}],
      ["null", null],
      ["undefined", undefined],
    ])("every method refuses a user id that is %s, with the same error", async (_how, user) => {
      for (const [method, run] of Object.entries(methods())) {
        const error = await refusalOf(run(user as UserRef));
        expect([method, error]).toEqual([method, new NoSuchUser()]);
        expect(error).toBeInstanceOf(BadUserInput);
        expect(error).toMatchObject({ code: "BAD_USER_INPUT", message: "There is no such user." });
      }
    });

    test("who exists but never logged in has no sessions, and none end", async () => {
      const id = await newUser();
      expect(await gate.auth.sessions.list(id)).toEqual([]);
      expect(await gate.auth.sessions.endAll(id)).toBe(0);
    });

    test("every method refuses a deleted user with the same error, even if the user was an ADMIN", async () => {
      for (const role of ["USER", "ADMIN"] as const) {
        const id = await newUser();
        await gate.auth.accounts.setRole(id, role);
        await gate.auth.accounts.deleteUser(id);
        for (const [method, run] of Object.entries(methods())) {
          expect([method, await refusalOf(run({ id }))]).toEqual([method, new NoSuchUser()]);
        }
      }
    });

    test("G-22: the last active ADMIN cannot be demoted, deactivated or deleted, and the message says why", async () => {
      const lonely = await Gate.open({}, database);
      try {
        const { accounts } = lonely.auth;
        const id = await lonely.user("ada", { role: "ADMIN" });
        for (const run of [
          () => accounts.setRole(id, "USER"),
          () => accounts.setActive({ id }, false),
          () => accounts.deleteUser(id),
        ]) {
          const error = await refusalOf(run());
          expect(error).toEqual(
            new BadUserInput(
              "This user is the last active ADMIN. Give another user the role ADMIN first.",
            ),
          );
          expect(error).not.toBeInstanceOf(NoSuchUser);
        }
        const other = await lonely.user("bob");
        await accounts.setRole(other, "USER");
        await accounts.deleteUser(other);
      } finally {
        await lonely.close();
      }
    });

    test.each(["", "admin", "ROOT", "ADMIN ", "__proto__", 1, null])(
      "cannot get a role that does not exist: %j",
      async (role) => {
        const { accounts } = gate.auth;
        const refused = new BadUserInput("role must be USER or ADMIN.");
        expect(await refusalOf(accounts.setRole(adminId, role as "USER"))).toEqual(refused);
        const created = accounts.createUser({ username: "eve", role: role as "USER" });
        expect(await refusalOf(created)).toEqual(refused);
        expect(await accounts.findUser({ username: "eve" })).toBeNull();
      },
    );
  });

  test("the error for a user who cannot be stored holds none of the user's values", async () => {
    const broken = await Gate.open({}, database);
    try {
      await broken.sql(`DROP TABLE profile`);
      const user = { username: "c4n4ry", email: "c4n4ry@example.com", password: PASSWORD };
      const error = await refusalOf(broken.auth.accounts.createUser(user));
      expect(error).toBeInstanceOf(ServiceUnavailable);
      expect(inspect(error, { depth: null, showHidden: true })).toContain("could not be stored");
      expect(inspect(error, { depth: null, showHidden: true })).not.toMatch(/c4n4ry|argon2/);
    } finally {
      await broken.close();
    }
  });

  test("hasNoUsers is true until the first user is created", async () => {
    const empty = await Gate.open({}, database);
    try {
      expect(await empty.auth.accounts.hasNoUsers()).toBe(true);
      await empty.user("ada");
      expect(await empty.auth.accounts.hasNoUsers()).toBe(false);
    } finally {
      await empty.close();
    }
  });

  test("two users who share an e-mail address in old data are not found by it, and do not log in by it", async () => {
    const old = await Gate.open({}, database);
    try {
      await old.sql(`DROP INDEX user_email_key_unique`);
      for (const id of [await old.user("ada"), await old.user("bob")]) {
        await old.sql(`UPDATE "user" SET email_key = 'both@example.com' WHERE id = ?`, [id]);
      }
      expect(await old.auth.accounts.findUser({ email: "both@example.com" })).toBeNull();
      expect(await attemptByEmail(old, "both@example.com", PASSWORD)).toMatchObject(REFUSED);
    } finally {
      await old.close();
    }
  });
});
