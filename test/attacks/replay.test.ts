import { EventEmitter, once } from "node:events";
import { beforeAll, describe, expect, test } from "@jest/globals";
import { type Answer, PASSWORD, setUpGate, type Tokens } from "../support/gate.js";

const SCHEMES = ["TOKEN", "JWT", "SLIDING"] as const;
const LIST = "{ allSessions(first: 1) { edges { cursor } } }";

const gate = setUpGate();
let admin: Tokens;
let names = 0;

beforeAll(async () => {
  await gate.user("root", { role: "ADMIN" });
  admin = await gate.login("root");
});

async function newcomer(scheme: (typeof SCHEMES)[number]): Promise<{ id: string; tokens: Tokens }> {
  const username = `user${(names += 1)}`;
  const id = await gate.user(username, { role: "ADMIN" });
  return { id, tokens: await gate.login(username, scheme) };
}

describe("a stolen credential in constant use", () => {
  /** The events that end a credential, with the reason of its refusal. */
  const ENDINGS: Record<
    string,
    [run: (id: string, tokens: Tokens) => Promise<unknown>, refusal: Partial<Answer>]
  > = {
    "a logout": [
      (_id, { authorization }) => gate.logout({ authorization }),
      { status: 401, reason: "token_revoked" },
    ],
    "revokeSession by an ADMIN": [
      (_id, { session }) =>
        gate.ask(`mutation { revokeSession(id: "${session.id}") { message } }`, admin),
      { status: 401, reason: "token_revoked" },
    ],
    "a password change": [
      (id) => gate.auth.accounts.setPassword(id, "another correct horse"),
      { status: 401, reason: "password_changed" },
    ],
    "a deactivation": [
      (id) => gate.auth.accounts.setActive(id, false),
      { status: 401, reason: "user_inactive" },
    ],
    "a role change": [
      (id) => gate.auth.accounts.setRole(id, "USER"),
      { status: 403, reason: "role_required" },
    ],
  };

  test.each(Object.entries(ENDINGS))(
    "JW-18, AZ-5: is refused from the first request after %s, by every scheme",
    async (_name, [end, refusal]) => {
      for (const scheme of SCHEMES) {
        const { id, tokens } = await newcomer(scheme);
        let hasEnded = false;
        const busy = new EventEmitter();
        const isBusy = once(busy, "busy");
        const before: number[] = [];
        const after: Answer[] = [];
        // Eight thieves, each sending its next request as soon as it has a response.
        const thief = async () => {
          for (let request = 0; request < 200 && after.length < 16; request += 1) {
            const isAfter = hasEnded;
            const answer = await gate.ask(LIST, { authorization: tokens.authorization });
            if (isAfter) after.push(answer);
            else if (before.push(answer.status) === 16) busy.emit("busy");
          }
        };
        const thieves = Array.from({ length: 8 }, thief);
        await Promise.race([isBusy, Promise.all(thieves)]);
        await end(id, tokens);
        hasEnded = true;
        await Promise.all(thieves);
        expect(before.slice(0, 8)).toEqual(Array(8).fill(200));
        expect(after.length).toBeGreaterThanOrEqual(16);
        for (const answer of after) expect(answer).toMatchObject({ ...refusal, data: null });
      }
    },
  );
});

describe("a replay of recorded requests", () => {
  test.each(SCHEMES)(
    "RF-2, RF-13, JW-18: has no effect after the logout, by %s",
    async (scheme) => {
      const { id, tokens } = await newcomer(scheme);
      const { authorization } = tokens;
      const refresh = scheme === "JWT" ? tokens.refresh : tokens.token;
      const bystander = await gate.auth.tokens.StaticToken.create({ id });
      const recorded = [
        ...["me { id }", "sessions { id }", "allSessions { edges { cursor } }"].map(
          (field) => () => gate.ask(`{ ${field} }`, { authorization }),
        ),
        ...["logoutAll { message }", "logoutOthers { message }"].map(
          (field) => () => gate.ask(`mutation { ${field} }`, { authorization }),
        ),
        () => gate.refresh(refresh),
      ];
      await gate.logout({ authorization });
      for (const send of recorded) {
        const answer = await send();
        expect([answer.status, answer.code, answer.data]).toEqual([401, "UNAUTHENTICATED", null]);
        expect(["token_revoked", "token_not_valid"]).toContain(answer.reason);
      }
      // A repeated logout succeeds but ends nothing.
      expect((await gate.logout({ authorization })).data.logout.sessionsEnded).toBe(0);
      expect((await gate.me(`Token ${bystander.key}`)).status).toBe(200);
    },
  );
});

describe("another user's credentials", () => {
  test.each(SCHEMES)(
    "RF-13, AZ-6: end no session of that user if sent with the caller's own %s, and the session's id ends none either",
    async (scheme) => {
      const eve = await newcomer(scheme);
      await gate.auth.accounts.setRole(eve.id, "USER");
      const { authorization } = eve.tokens;
      for (const target of [await newcomer("JWT"), await newcomer("SLIDING")]) {
        const { tokens } = target;
        const refresh = tokens.scheme === "JWT" ? tokens.refresh : tokens.token;
        expect(await gate.logout({ authorization, refresh })).toMatchObject({
          status: 401,
          reason: "token_not_valid",
        });
        const revoke = (id: string) =>
          gate.ask(`mutation ($id: ID!) { revokeSession(id: $id) { message } }`, {
            authorization,
            variables: { id },
          });
        const foreign = await revoke(tokens.session.id);
        const missing = await revoke("0".repeat(32));
        expect(foreign).toMatchObject({ status: 400, code: "BAD_USER_INPUT" });
        expect(foreign.text).toBe(missing.text);
        for (const field of ["logoutAll", "logoutOthers"]) {
          const { status } = await gate.ask(`mutation { ${field} { message } }`, {
            authorization: (await newcomer(scheme)).tokens.authorization,
          });
          expect(status).toBe(200);
        }
        expect((await gate.me(tokens.authorization)).status).toBe(200);
        expect((await gate.refresh(refresh)).status).toBe(200);
      }
    },
  );
});

describe("a credential outside the `Authorization` header", () => {
  const send = async (
    key: string,
    { search = "", body = {}, headers = {} }: { search?: string; body?: object; headers?: object },
  ) => {
    const response = await fetch(`${gate.url}/graphql${search}`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        accept: "application/graphql-response+json",
        ...headers,
      },
      body: JSON.stringify({ query: "{ me { id } }", ...body }),
    });
    return { status: response.status, headers: response.headers, text: await response.text(), key };
  };

  const PLACES: Record<string, (key: string) => Parameters<typeof send>[1][]> = {
    "the query string": (key) =>
      ["access_token", "token", "authorization", "Authorization", "auth", "key", "jwt"].map(
        (name) => ({ search: `?${name}=${encodeURIComponent(key)}` }),
      ),
    "the body": (key) => [
      { body: { authorization: key, Authorization: key, token: key, access_token: key } },
      { body: { headers: { authorization: key } } },
      { body: { extensions: { authorization: key, headers: { authorization: key } } } },
      { body: { variables: { authorization: key, token: key } } },
      { body: { context: { user: { id: "1", role: "ADMIN" } }, user: { role: "ADMIN" } } },
    ],
    "a cookie": (key) =>
      [
        "token",
        "access_token",
        "authorization",
        "sessionid",
        "session",
        "jwt",
        "__Host-session",
      ].map((name) => ({ headers: { cookie: `${name}=${encodeURIComponent(key)}` } })),
    "another header": (key) =>
      [
        "proxy-authorization",
        "x-authorization",
        "x-auth-token",
        "x-access-token",
        "x-api-key",
        "x-forwarded-authorization",
        "authentication",
        "token",
      ].map((name) => ({ headers: { [name]: key } })),
    "a header that a proxy would set": () =>
      ["x-remote-user", "remote-user", "x-forwarded-user", "x-user-id", "x-user", "x-role"].map(
        (name) => ({ headers: { [name]: "root" } }),
      ),
  };

  test.each(Object.entries(PLACES))(
    "ST-6, H-26: is ignored in %s: the request is anonymous, and no cookie is set",
    async (_name, make) => {
      const { authorization, token } = await gate.login("root", "TOKEN");
      for (const key of [authorization, token]) {
        for (const place of make(key)) {
          const { status, text, headers } = await send(key, place);
          expect(status).toBe(401);
          expect(JSON.parse(text).errors[0].extensions).toEqual({
            code: "UNAUTHENTICATED",
            reason: "no_credentials",
          });
          expect(headers.get("set-cookie")).toBeNull();
          expect(text).not.toContain(token);
        }
      }
    },
  );

  test("RF-12: a login by header sets no cookie", async () => {
    for (const scheme of SCHEMES) {
      const query = `mutation { login(username: "root", password: "${PASSWORD}", scheme: ${scheme}) { scheme } }`;
      const { status, headers } = await gate.ask(query);
      expect([status, headers.get("set-cookie")]).toEqual([200, null]);
      expect(headers.get("cache-control")).toContain("no-store");
    }
  });
});
