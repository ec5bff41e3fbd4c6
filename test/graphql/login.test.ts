import { beforeAll, describe, expect, test } from "@jest/globals";
import { decode } from "../support/forge.js";
import { type Answer, describeFreshGates, describeGates, PASSWORD } from "../support/gate.js";

const LOGIN = `mutation ($username: String!, $password: String!) {
  login(username: $username, password: $password) { scheme tokenType token access refresh user { id } }
}`;
const REFUSED = {
  status: 401,
  code: "UNAUTHENTICATED",
  reason: "invalid_credentials",
  data: null,
};

describeGates((gate) => {
  const login = (username: string, password: string) =>
    gate.ask(LOGIN, { variables: { username, password } });

  beforeAll(async () => {
    await gate.user("ada", { email: "ada@example.com" });
    await gate.auth.accounts.setActive(await gate.user("idle"), false);
    await gate.user("keyless", { password: null });
  });

  describe("login", () => {
    test("A-01, A-02: returns an access token and a refresh token by default", async () => {
      const { status, data } = await login("ada", PASSWORD);
      expect([status, data.login.scheme, data.login.tokenType]).toEqual([200, "JWT", "Bearer"]);
      expect(data.login.token).toBeNull();
      expect(decode(data.login.access).claims["token_type"]).toBe("access");
      expect(decode(data.login.refresh).claims["token_type"]).toBe("refresh");
    });

    test("T-06: returns a static token and nothing else for the scheme TOKEN", async () => {
      const { tokenType, access, refresh, token } = (
        await gate.ask(
          `mutation { login(username: "ada", password: "${PASSWORD}", scheme: TOKEN) { tokenType access refresh token } }`,
        )
      ).data.login;
      expect([tokenType, access, refresh]).toEqual(["Token", null, null]);
      expect(token).toMatch(/^gth_/);
    });

    test("A-03: the access tokens of a login and of a refresh can read `me`", async () => {
      const { refresh, authorization } = await gate.login("ada");
      expect((await gate.me(authorization)).data.me.username).toBe("ada");
      const { access } = (await gate.refresh(refresh)).data.refreshToken;
      expect((await gate.me(`Bearer ${access}`)).data.me.username).toBe("ada");
    });

    test("A-18: access tokens are not stored: two logins and three refreshes leave two sessions", async () => {
      await gate.user("counted", { role: "ADMIN" });
      const { authorization } = await gate.login("counted", "TOKEN");
      const list = "{ allSessions(first: 100) { edges { node { id } } } }";
      const count = async () =>
        (await gate.ask(list, { authorization })).data.allSessions.edges.length;
      const before = await count();
      for (let { refresh } = await gate.login("ada"), turn = 0; turn < 3; turn += 1) {
        ({ refresh } = (await gate.refresh(refresh)).data.refreshToken);
      }
      await gate.login("ada");
      expect((await count()) - before).toBe(2);
    });

    test("L-07: signs in neither its own operation nor the next one", async () => {
      const { data } = await gate.ask(
        `mutation { login(username: "ada", password: "${PASSWORD}") { access user { username } } }`,
        { authorization: "Basic eDp5" },
      );
      expect(data.login.user.username).toBe("ada");
      expect((await gate.me()).reason).toBe("no_credentials");
    });

    test("L-05: sets lastLoginAt to the current time; a refused login does not", async () => {
      await gate.user("late");
      const LAST = "{ me { lastLoginAt } }";
      const { authorization } = await gate.login("late");
      const at = gate.now;
      const read = async () =>
        (await gate.ask(LAST, { authorization })).data.me.lastLoginAt as string;
      expect(new Date(await read()).getTime()).toBe(at);
      gate.advance(10);
      await login("late", "a wrong password");
      expect(new Date(await read()).getTime()).toBe(at);
    });

    test("L-13: accepts passwords beyond ASCII, both in NFC and in NFD, but not in another case", async () => {
      const password = "pässwörd lang genug 🔑";
      await gate.user("walterwhité", { password });
      for (const form of ["NFC", "NFD"] as const) {
        const answer = await login("walterwhité".normalize(form), password.normalize(form));
        expect(answer.status).toBe(200);
      }
      expect(await login("walterwhité", password.toUpperCase())).toMatchObject(REFUSED);
    });

    test("L-14: refuses every password of a user without one", async () => {
      for (const password of [PASSWORD, "null", "keyless", " "]) {
        expect(await login("keyless", password)).toMatchObject(REFUSED);
      }
      expect((await login("keyless", "")).code).toBe("BAD_USER_INPUT");
    });

    test("LG-11: opens a new session each time", async () => {
      const [first, second] = [await gate.login("ada"), await gate.login("ada")];
      expect(first.session.id).not.toBe(second.session.id);
      expect(decode(first.access).claims["jti"]).not.toBe(decode(second.access).claims["jti"]);
    });
  });

  describe("a refused login", () => {
    /** Returns the parts of a response that could distinguish one refusal from another. */
    const visible = ({ status, headers, text }: Answer) => ({
      status,
      text,
      headers: [...headers].filter(([name]) => name !== "date").sort(),
    });

    test("L-02, L-15, T-08, U-04, LG-1: is byte-identical for unknown users, wrong passwords, inactive users and users without a password", async () => {
      const unknown = await login("nobody", PASSWORD);
      expect(unknown).toMatchObject(REFUSED);
      const others = [
        await login("ada", "a wrong password"),
        await login("idle", PASSWORD),
        await login("idle", "a wrong password"),
        await login("keyless", PASSWORD),
        await login("nobody at all", PASSWORD),
      ];
      for (const other of others) expect(visible(other)).toEqual(visible(unknown));
    });

    test("L-02, LG-1: is also byte-identical in application/json", async () => {
      const plain = (username: string) =>
        gate.ask(LOGIN, {
          variables: { username, password: "a wrong password" },
          headers: { accept: "application/json" },
        });
      const [known, unknown, idle] = [
        await plain("ada"),
        await plain("nobody"),
        await plain("idle"),
      ];
      expect(unknown).toMatchObject({ status: 200, data: null, reason: "invalid_credentials" });
      expect([visible(known), visible(idle)]).toEqual([visible(unknown), visible(unknown)]);
    });

    test("L-04: takes as long for an unknown user as for a known one, because a password is always hashed", async () => {
      const users = ["ada", "nobody", "idle", "keyless"];
      const times = new Map(users.map((user) => [user, [] as number[]]));
      // The fastest of many logins shows the real cost, because slower ones include other load. On a busy machine,
      // more logins are needed.
      const ratio = () => {
        const fastest = users.map((user) => Math.min(...(times.get(user) ?? [])));
        return Math.max(...fastest) / Math.min(...fastest);
      };
      for (let round = 0; round < 15 || (round < 90 && ratio() >= 2); round += 1) {
        for (const user of users) {
          const start = performance.now();
          await login(user, "a wrong password");
          times.get(user)?.push(performance.now() - start);
        }
      }
      expect(ratio()).toBeLessThan(2);
    });

    test("T-10: is BAD_USER_INPUT for an empty user name or password, before anything is hashed", async () => {
      const before = gate.core.hasher.load;
      expect(await login("", PASSWORD)).toMatchObject({ status: 400, code: "BAD_USER_INPUT" });
      expect(await login("ada", "")).toMatchObject({ status: 400, code: "BAD_USER_INPUT" });
      expect(gate.core.hasher.load).toEqual(before);
      await login("ada", "a wrong password");
      expect(gate.core.hasher.load.finished).toBe(before.finished + 1);
    });

    test("L-06: emits one event, with the login and without the password", async () => {
      const user = await gate.auth.accounts.findUser({ username: "ada" });
      gate.events.length = 0;
      await login("ada", "canary-password-5f1");
      expect(gate.events).toEqual([
        { type: "login_failed", login: "ada", userId: user?.id, reason: "invalid_credentials" },
      ]);
    });

    test("R-15: a successful login emits one token_issued, without the tokens", async () => {
      gate.events.length = 0;
      const { session, authorization } = await gate.login("ada");
      const userId = (await gate.me(authorization)).data.me.id;
      expect(gate.events).toEqual([
        { type: "token_issued", userId, sessionId: session.id, scheme: "JWT" },
      ]);
    });
  });
});

/** Statements that make every later insert into the table `session` fail. */
const REFUSE_SESSIONS = {
  sqlite: `CREATE TRIGGER refuse BEFORE INSERT ON session BEGIN SELECT RAISE(ABORT, 'refused'); END`,
  postgresql: "ALTER TABLE session ADD CONSTRAINT refuse CHECK (false) NOT VALID",
};

describeFreshGates((gate, database) => {
  test("a login that cannot store its session changes nothing of the user", async () => {
    await gate.user("ada");
    await gate.sql(REFUSE_SESSIONS[database]);
    const variables = { username: "ada", password: PASSWORD };
    const { code } = await gate.ask(LOGIN, { variables });
    expect(code).toBe("INTERNAL_SERVER_ERROR");
    expect(await gate.sql(`SELECT last_login_at FROM "user"`)).toEqual([{ last_login_at: null }]);
  });
});
