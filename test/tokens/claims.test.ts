import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import type { User } from "../../src/index.js";
import { createDatabase, type TestDatabase } from "../support/databases.js";
import { expectToEndAfter } from "../support/fake-timers.js";
import { decode } from "../support/forge.js";
import { describeGates, type Gate, PASSWORD, setUpGate } from "../support/gate.js";
import { ROOT } from "../support/command.js";
import { runNode } from "../support/node-process.js";

const DAY = 86_400;

/** The names of a token's claims, sorted. */
const namesIn = (token: string) => Object.keys(decode(token).claims).sort();
const claimsIn = (token: string) => decode(token).claims;

/** Refreshes, and returns the next pair or sliding token. */
async function next(gate: Gate, refresh: string) {
  const { data, text } = await gate.refresh(refresh);
  if (!data) throw new Error(`the refresh was refused: ${text}`);
  return data.refreshToken as { access: string; refresh: string; token: string };
}

describe("an access token", () => {
  const gate = setUpGate({ jwtIssuer: "https://auth.example.com", jwtClientId: "shop" });

  test("RFC 9068 2: has the type at+jwt, a kid and every required claim, after a login, a refresh and in code", async () => {
    const id = await gate.user("ada");
    const { access, refresh, session } = await gate.login("ada");
    const inCode = await gate.auth.tokens.RefreshToken.forUser(id);
    const all = [
      access,
      (await next(gate, refresh)).access,
      String(inCode.accessToken),
      String(await gate.auth.tokens.AccessToken.forUser(id)),
    ];
    const kids = gate.auth.jwks().keys.map(({ kid }) => kid);
    const seconds = Math.floor(gate.now / 1000);
    for (const [index, token] of all.entries()) {
      const { header, claims } = decode(token);
      // The first two tokens belong to a login, the others to sessions without a password.
      const proof = index < 2 ? { amr: ["pwd"], auth_time: seconds } : {};
      expect(header).toEqual({ alg: "ES256", typ: "at+jwt", kid: expect.any(String) });
      expect(kids).toContain(header["kid"]);
      expect(claims).toEqual({
        iss: "https://auth.example.com",
        aud: "gatehouse",
        sub: id,
        client_id: "shop",
        sid: expect.any(String),
        iat: seconds,
        exp: seconds + 300,
        jti: expect.stringMatching(/^[0-9a-f]{32}$/),
        token_type: "access",
        ...proof,
      });
    }
    expect(claimsIn(access)["sid"]).toBe(session.id);
    expect(new Set(all.map((token) => claimsIn(token)["jti"])).size).toBe(all.length);
  });
});

describeGates({ claims: (user) => claims(user) }, (gate) => {
  let ada: string;
  let user = 0;
  let username: string;

  beforeEach(async () => {
    claims = () => ({});
    username = `ada${(user += 1)}`;
    ada = await gate.user(username, { email: `${username}@example.com` });
  });

  describe("the option claims", () => {
    const hasura = (id: string, role: string) => ({
      "https://hasura.io/jwt/claims": {
        "x-hasura-user-id": id,
        "x-hasura-default-role": role.toLowerCase(),
        "x-hasura-allowed-roles": ["user", role.toLowerCase()],
      },
    });

    test("adds an application's claims at a login, and again with fresh values after each refresh", async () => {
      claims = ({ id, role }) => Promise.resolve({ ...hasura(id, role), plan: null });
      const { access, refresh } = await gate.login(username);
      expect(claimsIn(access)).toMatchObject({ ...hasura(ada, "USER"), plan: null });
      await gate.auth.accounts.setRole(ada, "ADMIN");
      const second = await next(gate, refresh);
      expect(claimsIn(second.access)).toMatchObject(hasura(ada, "ADMIN"));
      claims = () => ({});
      expect(namesIn((await next(gate, second.refresh)).access)).not.toContain("plan");
    });

    test("receives the user as stored in the database, as a frozen object", async () => {
      const seen: User[] = [];
      claims = (given) => ({ count: seen.push(given) });
      const variables = { email: `${username}@example.com`, password: PASSWORD };
      const { data } = await gate.ask(
        `mutation ($email: String!, $password: String!) { emailLogin(email: $email, password: $password) { access } }`,
        { variables },
      );
      expect(claimsIn(data.emailLogin.access)["count"]).toBe(1);
      expect(seen).toEqual(
        [await gate.auth.accounts.getUser(ada)].map((now) => ({ ...now, lastLoginAt: null })),
      );
      expect(Object.isFrozen(seen[0])).toBe(true);
    });

    test("adds its claims to the access tokens of the token classes, and to no other token", async () => {
      claims = () => ({ plan: "pro" });
      const { AccessToken, RefreshToken } = gate.auth.tokens;
      const refresh = await RefreshToken.forUser(ada);
      const login = await gate.login(username);
      const access = [await AccessToken.forUser(ada), refresh.accessToken, login.access].map(
        String,
      );
      expect(access.map((token) => claimsIn(token)["plan"])).toEqual(["pro", "pro", "pro"]);
      const sliding = (await gate.login(username, "SLIDING")).token;
      for (const token of [
        String(refresh),
        login.refresh,
        sliding,
        (await next(gate, sliding)).token,
      ]) {
        expect(namesIn(token)).not.toContain("plan");
      }
      expect((await gate.me(`Bearer ${access[0]!}`)).status).toBe(200);
    });

    test("is not called for static and sliding tokens, nor for a user who gets no token", async () => {
      let calls = 0;
      claims = () => ({ calls: (calls += 1) });
      await gate.login(username, "TOKEN");
      await next(gate, (await gate.login(username, "SLIDING")).token);
      await gate.ask(
        `mutation { login(username: "${username}", password: "wrong wrong wrong") { access } }`,
      );
      const { refresh } = await gate.login(username);
      await gate.auth.accounts.setActive(ada, false);
      expect((await gate.refresh(refresh)).reason).toBe("user_inactive");
      await gate.auth.accounts.setActive(ada, true);
      await gate.auth.accounts.deleteUser(ada);
      expect((await gate.refresh(refresh)).reason).toBe("user_not_found");
      expect(calls).toBe(1);
    });

    const loop: Record<string, unknown> = {};
    loop["self"] = loop;
    const WRONG: Record<string, [claims: Claims, line: RegExp]> = {
      ...Object.fromEntries(
        [
          "iss",
          "aud",
          "sub",
          "client_id",
          "act",
          "sid",
          "gen",
          "jti",
          "iat",
          "nbf",
          "exp",
          "refresh_exp",
          "token_type",
        ].map((name) => [
          `sets ${name}`,
          [
            () => ({ [name]: "x" }),
            new RegExp(`must not set the claim ${name}, which only Gatehouse sets`),
          ],
        ]),
      ),
      "sets __proto__": [
        () => JSON.parse(`{"__proto__":{"a":1}}`),
        /must not set the claim __proto__/,
      ],
      throws: [
        () => {
          throw new Error("billing is down\nwith details");
        },
        /failed: billing is down$/,
      ],
      rejects: [() => Promise.reject(new Error("billing is down")), /failed: billing is down$/],
      "rejects with something that is no error": [
        // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
        () => Promise.reject("billing is down"),
        /failed: billing is down$/,
      ],
      "returns nothing": [() => undefined as never, /must return an object of claims/],
      "returns null": [() => null as never, /must return an object of claims/],
      "returns a list": [() => ["a"], /must return an object of claims/],
      "returns a text": [() => Promise.resolve("a" as never), /must return an object of claims/],
      "returns a map": [() => new Map([["a", 1]]), /must return a plain object/],
      "returns a date": [() => ({ at: new Date() }), /claim at is not JSON/],
      "returns undefined": [() => ({ plan: undefined }), /claim plan is not JSON/],
      "returns a number that JSON lacks": [() => ({ n: NaN }), /claim n is not JSON/],
      "returns a function": [() => ({ f: () => 1 }), /claim f is not JSON/],
      "returns a big integer": [() => ({ n: 1n }), /claim n is not JSON/],
      "returns a loop": [() => ({ loop }), /claim loop is not JSON/],
      "returns too much": [
        () => ({ text: "é".repeat(800) }),
        /may have at most 1500 bytes of JSON, but these have 1611\.$/,
      ],
    };

    describe.each(Object.entries(WRONG))("that %s", (_name, [wrong, line]) => {
      test("makes a login an internal error, opens no session, and tells the operator in one line", async () => {
        claims = wrong;
        const variables = { username, password: PASSWORD };
        const query = `mutation ($username: String!, $password: String!) {
          login(username: $username, password: $password) { access }
        }`;
        const answer = await gate.ask(query, { variables });
        expect(answer).toMatchObject({ status: 500, code: "INTERNAL_SERVER_ERROR", data: null });
        expect(answer.text).not.toMatch(/claim|billing/);
        const attempt = gate.auth.authentication.login({ username }, PASSWORD);
        const error = await attempt.then(
          () => null,
          (reason: unknown) => reason as Error,
        );
        expect(error?.message).toMatch(/^The function of the option claims failed: /);
        expect(error?.message).toMatch(line);
        expect(error?.cause).toBeDefined();
        await expect(gate.auth.tokens.RefreshToken.forUser(ada)).rejects.toThrow(line);
        await expect(gate.auth.tokens.AccessToken.forUser(ada)).rejects.toThrow(line);
        expect(await gate.auth.sessions.list(ada)).toEqual([]);
        expect((await gate.auth.accounts.getUser(ada)).lastLoginAt).toBeNull();
      });

      test("makes a refresh an internal error, after which the same token still works", async () => {
        const { refresh, session } = await gate.issue(ada);
        claims = wrong;
        expect((await gate.refresh(refresh)).code).toBe("INTERNAL_SERVER_ERROR");
        gate.advance(60);
        claims = () => ({ fine: true });
        expect(claimsIn((await next(gate, refresh)).access)).toMatchObject({
          fine: true,
          sid: session.id,
        });
      });
    });
  });

  describe("the option claims that never ends", () => {
    let hasBegun = false;
    const never = () => {
      hasBegun = true;
      return new Promise<object>(() => undefined);
    };
    const refusing = <Result>(run: () => Promise<Result>): Promise<Result> => {
      hasBegun = false;
      return expectToEndAfter(5_000, () => hasBegun, run);
    };
    const refused = { status: 503, code: "SERVICE_UNAVAILABLE", data: null };

    test("refuses a login after 5 seconds, and opens no session", async () => {
      claims = never;
      const query = `mutation { login(username: "${username}", password: "${PASSWORD}") { access } }`;
      const answer = await refusing(() => gate.ask(query));
      expect(answer).toMatchObject(refused);
      expect(answer.headers.get("retry-after")).toBe("5");
      expect(answer.text).not.toContain("claims");
      await expect(
        refusing(() => gate.auth.authentication.login({ username }, PASSWORD)),
      ).rejects.toMatchObject({
        cause: new Error("The function of the option claims took longer than 5 seconds."),
      });
      expect(await gate.auth.sessions.list(ada)).toEqual([]);
      expect((await gate.auth.accounts.getUser(ada)).lastLoginAt).toBeNull();
    });

    test("refuses a refresh, and the same token still works afterwards, even if the function fails later", async () => {
      const { refresh, session } = await gate.issue(ada);
      let fail: (error: Error) => void = () => undefined;
      claims = () => {
        hasBegun = true;
        return new Promise((_resolve, reject) => (fail = reject));
      };
      expect(await refusing(() => gate.refresh(refresh))).toMatchObject(refused);
      fail(new Error("billing is down"));
      gate.advance(60);
      claims = () => ({ fine: true });
      expect(claimsIn((await next(gate, refresh)).access)).toMatchObject({
        fine: true,
        sid: session.id,
      });
    });
  });

  describe("claims of a token class", () => {
    test("B-01, R-02: set at login are in the access token, and survive every refresh", async () => {
      const { RefreshToken } = gate.auth.tokens;
      const token = await RefreshToken.forUser(ada);
      token.payload["tenant"] = { id: 7, names: ["a", "b"] };
      expect(claimsIn(String(token.accessToken))["tenant"]).toEqual({ id: 7, names: ["a", "b"] });
      let refresh = String(token);
      for (let turn = 0; turn < 3; turn += 1) {
        const pair = await next(gate, refresh);
        for (const text of [pair.access, pair.refresh]) {
          expect(claimsIn(text)["tenant"]).toEqual({ id: 7, names: ["a", "b"] });
        }
        expect((await gate.me(`Bearer ${pair.access}`)).status).toBe(200);
        expect((await next(gate, refresh)).refresh).toBe(pair.refresh);
        refresh = pair.refresh;
      }
    });

    test("survive a slide of a sliding token", async () => {
      const token = await gate.auth.tokens.SlidingToken.forUser(ada);
      token.payload["tenant"] = 7;
      const first = (await next(gate, String(token))).token;
      const second = (await next(gate, first)).token;
      expect([first, second].map((text) => claimsIn(text)["tenant"])).toEqual([7, 7]);
    });

    test("are replaced by the claims of the option claims, which are fresh", async () => {
      claims = () => ({ plan: "fresh" });
      const token = await gate.auth.tokens.RefreshToken.forUser(ada);
      token.payload["plan"] = "old";
      const pair = await next(gate, String(token));
      expect(claimsIn(pair.access)["plan"]).toBe("fresh");
      expect(claimsIn(pair.refresh)["plan"]).toBe("old");
    });

    test("never replace ours: claims about the client or the lifetime of the token are not kept", async () => {
      const token = await gate.auth.tokens.RefreshToken.forUser(ada);
      Object.assign(token.payload, { client_id: "eve", refresh_exp: 1, nbf: 1 });
      const pair = await next(gate, String(token));
      expect(claimsIn(pair.access)["client_id"]).toBe("gatehouse");
      expect(namesIn(pair.refresh)).toEqual(namesIn((await gate.issue(ada)).refresh));
    });

    test("of more than 1,500 bytes are refused when the token is signed", async () => {
      for (const name of ["AccessToken", "RefreshToken", "SlidingToken"] as const) {
        const token = await gate.auth.tokens[name].forUser(ada);
        const around = JSON.stringify({ text: "" }).length;
        token.payload["text"] = "x".repeat(1501 - around);
        expect(() => String(token)).toThrow(RangeError);
        token.payload["text"] = "x".repeat(1500 - around);
        expect(String(token).length).toBeLessThan(4096);
      }
    });

    test("and those of the option claims have at most 1,500 bytes together; a refresh with more fails and changes nothing", async () => {
      const token = await gate.auth.tokens.RefreshToken.forUser(ada);
      token.payload["text"] = "x".repeat(1400);
      claims = () => ({ more: "x".repeat(1400) });
      expect((await gate.refresh(String(token))).code).toBe("INTERNAL_SERVER_ERROR");
      claims = () => ({});
      gate.advance(60);
      expect(claimsIn((await next(gate, String(token))).access)["text"]).toHaveLength(1400);
    });
  });

  describe("a sliding token's own refresh_exp", () => {
    async function slidingUntil(lifetime: number) {
      const token = await gate.auth.tokens.SlidingToken.forUser(ada);
      return String(token.setExp({ claim: "refresh_exp", lifetime }));
    }

    test("S-07: is kept by each successor, and no successor outlives it", async () => {
      const token = await slidingUntil(3 * DAY);
      const end = claimsIn(token)["refresh_exp"];
      gate.advance(2 * DAY);
      const { data } = await gate.refresh(token);
      const { token: second, refreshExpiresAt } = data.refreshToken;
      expect(claimsIn(second)).toMatchObject({ exp: end, refresh_exp: end });
      expect(Date.parse(refreshExpiresAt) / 1000).toBe(end);
      expect(claimsIn((await next(gate, second)).token)).toMatchObject({
        exp: end,
        refresh_exp: end,
      });
    });

    test("S-09: ends its refreshes, although the token itself has not expired", async () => {
      const token = await slidingUntil(DAY);
      gate.advance(DAY);
      expect((await gate.me(`Bearer ${token}`)).status).toBe(200);
      expect(await gate.refresh(token)).toMatchObject({ status: 401, reason: "token_expired" });
    });

    test("does not extend its session", async () => {
      const token = await slidingUntil(365 * DAY);
      const second = (await next(gate, token)).token;
      expect(claimsIn(second)["refresh_exp"]).toBe(Math.floor(gate.now / 1000) + 30 * DAY);
    });
  });
});

describe("a failing claims function", () => {
  const SETTINGS = `{
    secretKey: "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQR",
    databaseUrl: process.env.DATABASE_URL,
    claims: () => ({ sub: "eve" }),
  }`;
  const CREATE = `createUser({ username: "ada", password: "${PASSWORD}" })`;
  const QUERY = `'mutation { login(username: "ada", password: "${PASSWORD}") { access } }'`;
  const LINE =
    "The function of the option claims failed: It must not set the claim sub, which only Gatehouse sets.";

  let home: TestDatabase;
  beforeEach(async () => {
    home = await createDatabase("sqlite");
  });
  afterEach(() => home.drop());

  const run = (script: string) =>
    runNode(["--input-type=module", "-e", script], { cwd: ROOT, env: { DATABASE_URL: home.url } });

  test("is one line in the log of a server", async () => {
    const { stdout } = await run(`
      import { createServer } from "${ROOT}dist/index.js";
      const server = await createServer({ ...${SETTINGS}, port: 0, logLevel: "error" });
      await server.auth.accounts.${CREATE};
      await fetch(server.url + "/graphql", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ query: ${QUERY} }),
      });
      await server.close();`);
    const [line = "{}", ...others] = stdout.split("\n").filter((text) => text.includes("claims"));
    expect(others).toEqual([]);
    expect(JSON.parse(line).err.message).toContain(LINE);
  });

  test("is logged once, with its stack, by an application that embeds the schema", async () => {
    const { stdout, stderr } = await run(`
      import { ApolloServer } from "@apollo/server";
      import { apolloOptions, createAuth } from "${ROOT}dist/index.js";
      const auth = await createAuth(${SETTINGS});
      await auth.accounts.${CREATE};
      const server = new ApolloServer(apolloOptions(auth.schema));
      const contextValue = await auth.createContext();
      const { body } = await server.executeOperation({ query: ${QUERY} }, { contextValue });
      console.log(body.singleResult.errors[0].extensions.code);
      await server.stop();
      await auth.close();`);
    expect(stdout).toContain("INTERNAL_SERVER_ERROR");
    expect(stderr.split("\n")[0]).toContain(LINE);
    expect(stderr.split(LINE)).toHaveLength(2);
    expect(stderr).toMatch(/^ +at .*application-claims/m);
  });
});

type Claims = (user: User) => object | Promise<object>;
/** The function of the option, which each test replaces. */
let claims: Claims = () => ({});
