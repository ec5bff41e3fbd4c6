import { beforeEach, describe, expect, test } from "@jest/globals";
import { createAuthClient } from "../../../src/client/index.js";
import { defineFeature } from "../../../src/index.js";
import { attempt, expectThrottled, REFUSED, WRONG } from "../../support/attempts.js";
import { type Answer, describeFreshGates, describeGates, PASSWORD } from "../../support/gate.js";

const MINUTE = 60;
const FRESH = 15 * MINUTE;
const LOCK = 7;

/** An application's own field that needs a recent password. */
const salaries = defineFeature({
  name: "salaries",
  create: () => ({
    extension: {
      typeDefs: `extend type Query { salary: Int! @auth(freshWithin: "15m") }`,
      resolvers: { Query: { salary: () => 1000 } },
    },
  }),
});

const REAUTHENTICATE = `mutation ($password: String!) {
  reauthenticate(password: $password) { message authenticatedAt }
}`;
const STALE = { status: 403, code: "FORBIDDEN", reason: "reauthentication_required", data: null };

const options = { features: [salaries], accessTokenLifetime: 3600, loginFailureLimit: LOCK };

describeGates(options, (gate) => {
  let count = 0;
  let name: string;
  let id: string;

  beforeEach(async () => {
    name = `user${(count += 1)}`;
    id = await gate.user(name);
  });

  const reauthenticate = (authorization: string, password = PASSWORD, url = gate.url) =>
    gate.ask(REAUTHENTICATE, { authorization, url, variables: { password } });

  const salary = (authorization: string) => gate.ask("{ salary }", { authorization });

  const expectFresh = async (authorization: string) => {
    expect((await salary(authorization)).data).toEqual({ salary: 1000 });
  };

  const expectStale = async (authorization: string) => {
    expect(await salary(authorization)).toMatchObject(STALE);
  };

  /** Logs in, and waits until the session is too old for the guarded field. */
  async function signIn(scheme: "JWT" | "SLIDING" | "TOKEN" = "JWT") {
    const tokens = await gate.login(name, scheme);
    gate.advance(FRESH + 1);
    await expectStale(tokens.authorization);
    gate.events.length = 0;
    return tokens;
  }

  describe("reauthenticate", () => {
    test.each(["JWT", "SLIDING"] as const)(
      "makes a session of the scheme %s fresh for 15m, with the same tokens",
      async (scheme) => {
        const { authorization, session } = await signIn(scheme);
        const { status, data } = await reauthenticate(authorization);
        expect([status, data]).toEqual([
          200,
          {
            reauthenticate: {
              message: "Password confirmed",
              authenticatedAt: new Date(gate.now).toISOString(),
            },
          },
        ]);
        expect(gate.events).toEqual([
          { type: "step-up:reauthenticated", userId: id, details: { sessionId: session.id } },
        ]);
        gate.advance(FRESH);
        await expectFresh(authorization);
        gate.advance(0.001);
        await expectStale(authorization);
      },
    );

    test("makes a session fresh that was opened without a password", async () => {
      const { authorization } = await gate.issue(id);
      await expectStale(authorization);
      expect((await reauthenticate(authorization)).status).toBe(200);
      await expectFresh(authorization);
    });

    test("leaves the user's other sessions as they are, and does not count as a login", async () => {
      const other = await signIn();
      const at = await gate.ask("{ me { lastLoginAt } }", other);
      const { authorization } = await gate.issue(id, "SLIDING");
      await reauthenticate(authorization);
      await expectFresh(authorization);
      await expectStale(other.authorization);
      expect((await gate.ask("{ me { lastLoginAt } }", other)).data).toEqual(at.data);
    });

    test.each([
      ["a login", "JWT", false],
      ["a login", "SLIDING", false],
      ["reauthenticate", "JWT", true],
      ["reauthenticate", "SLIDING", true],
    ] as const)(
      "a refreshed token is as fresh as %s by %s made the session, and not for longer",
      async (_name, scheme, isRenewed) => {
        const tokens = isRenewed ? await signIn(scheme) : await gate.login(name, scheme);
        if (isRenewed) await reauthenticate(tokens.authorization);
        gate.advance(10 * MINUTE);
        const { data } = await gate.refresh(scheme === "JWT" ? tokens.refresh : tokens.token);
        const { access, token } = data.refreshToken;
        gate.advance(5 * MINUTE);
        await expectFresh(`Bearer ${access ?? token}`);
        gate.advance(0.001);
        await expectStale(`Bearer ${access ?? token}`);
      },
    );

    test("refuses the static tokens of a login and of createStaticToken, and counts no attempt", async () => {
      const { token } = await gate.auth.authentication.createStaticToken(id, "script");
      const { authorization, session } = await signIn("TOKEN");
      for (const header of [authorization, `Token ${token}`]) {
        for (let turn = 0; turn < LOCK; turn += 1) {
          const refused = await reauthenticate(header, WRONG);
          expect(refused).toMatchObject({ status: 400, code: "BAD_USER_INPUT", data: null });
          expect(refused.errors?.[0]?.message).toBe(
            "A static token cannot do this. Log in instead.",
          );
        }
        await expectStale(header);
      }
      const types = gate.events.map(({ type }) => type);
      expect(types).toEqual(["freshness_denied", "freshness_denied"]);
      expect(await gate.core.sessions.recordAuthentication(session, 0)).toBeNull();
      await gate.flush();
      expect((await attempt(gate, name, PASSWORD)).status).toBe(200);
    });

    test("G-02: needs a session that has not ended", async () => {
      for (const [authorization, reason] of [
        ["", "no_credentials"],
        ["Bearer nonsense", "token_not_valid"],
      ] as const) {
        expect(await reauthenticate(authorization)).toMatchObject({ status: 401, reason });
      }
      const { authorization } = await signIn();
      await gate.logout({ authorization });
      expect((await reauthenticate(authorization)).reason).toBe("token_revoked");
    });

    test.each(["", "x".repeat(257), "\ud800"])(
      "refuses a malformed password, which counts as no attempt (%#)",
      async (password) => {
        const { authorization } = await signIn();
        for (let turn = 0; turn < LOCK; turn += 1) {
          expect((await reauthenticate(authorization, password)).code).toBe("BAD_USER_INPUT");
        }
        await gate.flush();
        expect((await reauthenticate(authorization)).status).toBe(200);
      },
    );

    test("LG-4: a document may check only one credential", async () => {
      const { authorization } = await signIn();
      const one = `reauthenticate(password: "${PASSWORD}") { message }`;
      const login = `login(username: "${name}", password: "${PASSWORD}") { access }`;
      for (const query of [
        `mutation { a: ${one} b: ${one} }`,
        `mutation { a: ${one} b: ${login} }`,
      ]) {
        expect(await gate.ask(query, { authorization })).toMatchObject({
          code: "GRAPHQL_VALIDATION_FAILED",
        });
      }
      await expectStale(authorization);
    });
  });

  describe("a wrong password", () => {
    test("LG-6, LG-12: is refused as by a login, reported once, and leaves the session as it was", async () => {
      const { authorization } = await signIn();
      await gate.user(`other${count}`, { password: "another long and unused phrase" });
      for (const password of [WRONG, "another long and unused phrase", PASSWORD.toUpperCase()]) {
        gate.events.length = 0;
        expect(await reauthenticate(authorization, password)).toMatchObject(REFUSED);
        expect(gate.events).toEqual([
          { type: "password_refused", userId: id, reason: "invalid_credentials" },
        ]);
      }
      await expectStale(authorization);
      const fresh = await gate.login(name);
      await reauthenticate(fresh.authorization, WRONG);
      await expectFresh(fresh.authorization);
    });

    test("LG-6: counts towards the lock of the account, and a locked account is refused even with the right password", async () => {
      const { authorization } = await signIn();
      for (let turn = 0; turn < LOCK; turn += 1) await reauthenticate(authorization, WRONG);
      await gate.flush();
      expect(gate.events).toContainEqual({ type: "account_locked", userId: id });
      expect(await reauthenticate(authorization)).toMatchObject(REFUSED);
      expect(await attempt(gate, name, PASSWORD)).toMatchObject(REFUSED);
      await expectStale(authorization);
      // LG-7: the session itself stays open.
      expect((await gate.me(authorization)).data.me.username).toBe(name);
    });

    test("LG-6: an account that failed logins have locked is also locked for reauthenticate", async () => {
      const { authorization } = await signIn();
      for (let turn = 0; turn < LOCK; turn += 1) await attempt(gate, name);
      await gate.flush();
      expect(await reauthenticate(authorization)).toMatchObject(REFUSED);
    });

    test("LG-2: a right password resets the count", async () => {
      const { authorization } = await signIn();
      for (let round = 0; round < 2; round += 1) {
        for (let turn = 1; turn < LOCK; turn += 1) await reauthenticate(authorization, WRONG);
        await gate.flush();
        expect((await reauthenticate(authorization)).status).toBe(200);
      }
    });

    test("LG-6: an account without a password cannot reauthenticate", async () => {
      await gate.sql(`UPDATE "user" SET password_hash = NULL WHERE id = ?`, [id]);
      const { authorization } = await gate.issue(id);
      expect(await reauthenticate(authorization)).toMatchObject(REFUSED);
    });
  });

  describe("at the same time", () => {
    test("eight right passwords are all accepted", async () => {
      const { authorization } = await signIn();
      const all = await Promise.all(Array.from({ length: 8 }, () => reauthenticate(authorization)));
      expect(all.map(({ status }) => status)).toEqual(Array(8).fill(200));
      await expectFresh(authorization);
    });

    test("a password that is changed after its check makes no session fresh", async () => {
      const { authorization, session } = await signIn();
      const { authentication, sessions } = gate.core;
      const { credentialsVersion } = await authentication.requirePassword(id, PASSWORD);
      await gate.auth.accounts.setPassword(id, "another long and unused phrase");
      expect(await sessions.recordAuthentication(session, credentialsVersion)).toBeNull();
      const next = await gate.login(name, "JWT", "another long and unused phrase");
      expect(await sessions.recordAuthentication(next.session, credentialsVersion)).toBeNull();
      expect((await salary(authorization)).reason).toBe("password_changed");
    });

    test("a session that ends during the check is refused, and stays as it was", async () => {
      const { session } = await signIn();
      const { authentication, sessions } = gate.core;
      const { credentialsVersion } = await authentication.requirePassword(id, PASSWORD);
      await sessions.end(session);
      expect(await sessions.recordAuthentication(session, credentialsVersion)).toBeNull();
    });
  });

  describe("with bearerCheck stateless", () => {
    test("the access token in use becomes fresh", async () => {
      const stateless = await gate.another({ bearerCheck: "stateless" });
      const { authorization } = await signIn();
      const read = () => gate.ask("{ salary }", { authorization, url: stateless.url });
      expect(await read()).toMatchObject(STALE);
      expect((await reauthenticate(authorization, PASSWORD, stateless.url)).status).toBe(200);
      expect((await read()).data).toEqual({ salary: 1000 });
      await stateless.close();
    });
  });

  describe("switched off", () => {
    test("there is no mutation, and freshWithin is still enforced", async () => {
      const off = await gate.another({ stepUp: false });
      const { authorization } = await signIn();
      expect(await reauthenticate(authorization, PASSWORD, off.url)).toMatchObject({
        code: "GRAPHQL_VALIDATION_FAILED",
      });
      expect(await gate.ask("{ salary }", { authorization, url: off.url })).toMatchObject(STALE);
      const { authorization: fresh } = await gate.login(name);
      const { data } = await gate.ask("{ salary }", { authorization: fresh, url: off.url });
      expect(data).toEqual({ salary: 1000 });
      await off.close();
    });
  });

  describe("the browser's client", () => {
    test("gets both refusals, keeps its session, and sends no refresh", async () => {
      const sent: string[] = [];
      const client = createAuthClient({
        url: `${gate.url}/graphql`,
        fetch: (input, init) => {
          sent.push(init?.body as string);
          return fetch(input, init);
        },
      });
      const before = await client.login(name, PASSWORD);
      gate.advance(FRESH + 1);
      sent.length = 0;
      const ask = async (query: string, variables?: object) => {
        const response = await client.authFetch(`${gate.url}/graphql`, {
          method: "POST",
          headers: {
            "content-type": "application/json",
            accept: "application/graphql-response+json",
          },
          body: JSON.stringify({ query, variables }),
        });
        const { data, errors } = (await response.json()) as Answer;
        return { status: response.status, data, ...errors?.[0]?.extensions };
      };
      expect(await ask("{ salary }")).toEqual({ ...STALE, freshWithin: "15m", max_age: 900 });
      expect(await ask(REAUTHENTICATE, { password: WRONG })).toEqual(REFUSED);
      expect(client.getSession()).toEqual(before);
      expect((await ask(REAUTHENTICATE, { password: PASSWORD })).status).toBe(200);
      expect((await ask("{ salary }")).data).toEqual({ salary: 1000 });
      expect(client.getSession()).toEqual(before);
      expect(sent).toHaveLength(4);
      client.close();
    });
  });
});

describeFreshGates({ ...options, loginFailuresPerAccount: 5, loginsPerAddress: 8 }, (gate) => {
  const reauthenticate = (authorization: string, password = WRONG) =>
    gate.ask(REAUTHENTICATE, { authorization, variables: { password } });

  test("LG-2, LG-6: reauthenticate and login share the delay of the account", async () => {
    const id = await gate.user("ada");
    const { authorization } = await gate.issue(id);
    for (let turn = 0; turn < 3; turn += 1) {
      expect(await reauthenticate(authorization)).toMatchObject(REFUSED);
    }
    for (let turn = 0; turn < 2; turn += 1) {
      expect(await attempt(gate, "ada")).toMatchObject(REFUSED);
    }
    expectThrottled(await reauthenticate(authorization, PASSWORD), 1);
    expect(gate.events.at(-1)).toEqual({
      type: "password_refused",
      userId: id,
      reason: "throttled",
    });
    gate.advance(1);
    expect((await reauthenticate(authorization, PASSWORD)).status).toBe(200);
  });

  test("LG-5: of eight wrong passwords at once, five are checked", async () => {
    const { authorization } = await gate.issue(await gate.user("ada"));
    const all = await Promise.all(Array.from({ length: 8 }, () => reauthenticate(authorization)));
    const statuses = all.map(({ status }) => status).sort();
    expect(statuses).toEqual([401, 401, 401, 401, 401, 429, 429, 429]);
    expect((await attempt(gate, "ada", PASSWORD)).status).toBe(429);
  });

  test("LG-3, LG-6: reauthenticate and login share the limit of the address", async () => {
    const { authorization } = await gate.issue(await gate.user("ada"));
    for (let turn = 0; turn < 4; turn += 1) {
      expect((await reauthenticate(authorization, PASSWORD)).status).toBe(200);
    }
    for (let turn = 0; turn < 4; turn += 1) await attempt(gate, `nobody${turn}`);
    expect(await reauthenticate(authorization, PASSWORD)).toMatchObject({ status: 429 });
  });
});
