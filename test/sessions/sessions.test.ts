import { describe, expect, test } from "@jest/globals";
import { InvalidCredentials } from "../../src/accounts/errors.js";
import { describeGates } from "../support/gate.js";

const NO_SUCH_USER = { name: "NoSuchUser", message: "There is no such user." };
const SCHEMES = ["JWT", "TOKEN", "SLIDING"] as const;

describeGates((gate) => {
  let names = 0;

  /** Creates a user who is signed in by each scheme, one second apart, and returns the sessions' ids, newest first. */
  async function signedIn() {
    const username = `user${(names += 1)}`;
    const id = await gate.user(username);
    const all = [];
    for (const scheme of SCHEMES) {
      all.unshift(await gate.login(username, scheme));
      gate.advance(1);
    }
    return { id, all, ids: all.map(({ session }) => session.id) };
  }

  describe("auth.sessions.list", () => {
    test("B-27: returns the live sessions of a user, newest first, and no other user's", async () => {
      const { id, ids, all } = await signedIn();
      await signedIn();
      const { sessions } = gate.auth;
      const statements = await gate.countStatements(async () => {
        expect((await sessions.list(id)).map((session) => session.id)).toEqual(ids);
      });
      expect(statements).toBe(1);
      expect((await sessions.list(id))[0]).toMatchObject({ scheme: "SLIDING", label: null });
      await gate.logout({ authorization: all[0]!.authorization });
      expect((await sessions.list(id)).map((session) => session.id)).toEqual(ids.slice(1));
    });

    test("takes an id, the context's user, and any object with an id", async () => {
      const { id, ids, all } = await signedIn();
      const { authorization } = all[0]!;
      const { user } = await gate.auth.createContext({ headers: { authorization } });
      for (const each of [id, { id }, user!]) {
        expect(await gate.auth.sessions.list(each)).toHaveLength(ids.length);
      }
    });

    test("is empty for a user without live sessions", async () => {
      expect(await gate.auth.sessions.list(await gate.user("absent"))).toEqual([]);
    });
  });

  test.each(SCHEMES)(
    "a login by %s opens no session if the password was changed after it was checked",
    async (scheme) => {
      const { id } = await signedIn();
      const account = await gate.sql(`SELECT credentials_version AS v FROM "user" WHERE id = ?`, [
        id,
      ]);
      const credentialsVersion = Number(account[0].v);
      await gate.auth.accounts.setPassword(id, "another correct horse");
      const opening = gate.core.sessions.open(id, { scheme, credentialsVersion });
      await expect(opening).rejects.toBeInstanceOf(InvalidCredentials);
      expect(await gate.auth.sessions.list(id)).toEqual([]);
    },
  );

  describe("auth.sessions.end", () => {
    test("ends any user's session, once", async () => {
      const { ids, all } = await signedIn();
      const { sessions } = gate.auth;
      const ended = await Promise.all([sessions.end(ids[0]!), sessions.end(ids[0]!)]);
      expect(ended.sort()).toEqual([false, true]);
      expect((await gate.me(all[0]!.authorization)).reason).toBe("token_revoked");
      expect((await gate.me(all[1]!.authorization)).status).toBe(200);
    });

    test.each(["", "x", "f".repeat(32), "'; --", "\0"])(
      "returns false for an id that no session has: %j",
      async (id) => {
        const statements = await gate.countStatements(async () => {
          expect(await gate.auth.sessions.end(id)).toBe(false);
        });
        expect(statements).toBe(id.length === 32 ? 1 : 0);
      },
    );

    test("takes the session itself, and refuses any value that is neither a session nor an id", async () => {
      const { id, all } = await signedIn();
      const [session] = await gate.auth.sessions.list(id);
      expect(await gate.auth.sessions.end(session!)).toBe(true);
      expect((await gate.me(all[0]!.authorization)).reason).toBe("token_revoked");
      for (const wrong of [undefined, null, 1, {}, { id: 1 }, [session]]) {
        const ending = gate.auth.sessions.end(wrong as unknown as string);
        await expect(ending).rejects.toMatchObject({ code: "BAD_USER_INPUT" });
      }
    });
  });

  describe("auth.sessions.endAll", () => {
    test("B-26: ends all sessions of a user, and returns how many it ended", async () => {
      const { id, all } = await signedIn();
      const { all: others } = await signedIn();
      const statements = await gate.countStatements(async () => {
        expect(await gate.auth.sessions.endAll({ id })).toBe(3);
      });
      expect(statements).toBe(1);
      expect(await gate.auth.sessions.endAll({ id })).toBe(0);
      for (const { authorization } of all) {
        expect((await gate.me(authorization)).reason).toBe("token_revoked");
      }
      for (const { authorization } of others) {
        expect((await gate.me(authorization)).status).toBe(200);
      }
    });
  });

  describe("a user who does not exist", () => {
    const wrong: unknown[] = ["", "x", "f".repeat(32), "a\0b", 42, undefined, {}, { id: 42 }];
    test.each(wrong)(
      "U-14: is refused by list and endAll with the same error: %j",
      async (user) => {
        const { sessions } = gate.auth;
        await expect(sessions.list(user as string)).rejects.toMatchObject(NO_SUCH_USER);
        await expect(sessions.endAll(user as string)).rejects.toMatchObject(NO_SUCH_USER);
      },
    );

    test("U-14: is refused with the same error once deleted", async () => {
      const { id } = await signedIn();
      await gate.auth.accounts.deleteUser(id);
      await expect(gate.auth.sessions.list(id)).rejects.toMatchObject(NO_SUCH_USER);
      await expect(gate.auth.sessions.endAll(id)).rejects.toMatchObject(NO_SUCH_USER);
    });
  });
});
