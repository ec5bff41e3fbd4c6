import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "@jest/globals";
import {
  describeFreshGates,
  describeGates,
  type Gate,
  PASSWORD,
  setUpGate,
} from "../../support/gate.js";
import { LOCK_TABLES } from "../../support/locks.js";
import { storeUser } from "../import-django/django-rows.js";
import { call, type RestAnswer } from "./calls.js";

const ADA = { username: "ada", password: PASSWORD };

function post(
  gate: Gate,
  path: string,
  json: unknown,
  authorization?: string,
): Promise<RestAnswer> {
  const headers = authorization === undefined ? {} : { authorization };
  return call(gate.url + path, { json, headers });
}

function profile(gate: Gate, authorization: string): Promise<RestAnswer> {
  return call(`${gate.url}/profile/`, { headers: { authorization } });
}

describeGates({ restBridge: true }, (gate) => {
  let ada: string;

  beforeAll(async () => {
    ada = await gate.user("ada", { email: "ada@example.com" });
    await gate.user("bob");
  });

  test("REST-2: /login/, /profile/ and /logout/ work by Token as in the document, and the key also works in GraphQL", async () => {
    const { body, text } = await post(gate, "/login/", ADA);
    expect(text).toBe(`{"token":"${body.token}"}`);
    const authorization = `Token ${body.token}`;
    const shown = await profile(gate, authorization);
    expect(shown.text).toBe('{"username":"ada","email":"ada@example.com"}');
    expect((await gate.me(authorization)).data.me.id).toBe(ada);
    const out = await post(gate, "/logout/", {}, authorization);
    expect(out.text).toBe('{"message":"Logout successful, token deleted"}');
    expect((await profile(gate, authorization)).text).toBe('{"detail":"Invalid token."}');
    expect((await gate.me(authorization)).reason).toBe("token_revoked");
  });

  test("REST-2: a logout by Bearer ends the session of the refresh token and the session of the header", async () => {
    const [one, two] = [
      (await post(gate, "/token/", ADA)).body,
      (await post(gate, "/token/", ADA)).body,
    ];
    const out = await post(gate, "/logout/", { refresh: two.refresh }, `Bearer ${one.access}`);
    expect(out.text).toBe('{"message":"Logout successful, token blacklisted"}');
    for (const { access, refresh } of [one, two]) {
      expect((await profile(gate, `Bearer ${access}`)).status).toBe(401);
      expect((await post(gate, "/token/refresh/", { refresh })).body).toEqual({
        detail: "Token is blacklisted",
        code: "token_not_valid",
      });
    }
  });

  test("REST-2: a logout with another user's refresh token ends nothing", async () => {
    const { body: own } = await post(gate, "/token/", ADA);
    const { body: other } = await post(gate, "/token/", { ...ADA, username: "bob" });
    const out = await post(gate, "/logout/", { refresh: other.refresh }, `Bearer ${own.access}`);
    expect([out.status, out.text]).toEqual([400, '{"error":"Invalid token"}']);
    expect((await profile(gate, `Bearer ${own.access}`)).status).toBe(200);
    expect((await profile(gate, `Bearer ${other.access}`)).text).toBe(
      '{"username":"bob","email":""}',
    );
  });

  test("REST-3: a refresh token of /token/ works until it expires, in any order, and no use counts as reuse", async () => {
    const { body } = await post(gate, "/token/", ADA);
    const renew = () => post(gate, "/token/refresh/", { refresh: body.refresh });
    for (const seconds of [0, 60, 3600, 6 * 86_400]) {
      gate.advance(seconds);
      const [one, two] = await Promise.all([renew(), renew()]);
      expect([Object.keys(one.body), one.status, two.status]).toEqual([["access"], 200, 200]);
      expect((await profile(gate, `Bearer ${one.body.access}`)).status).toBe(200);
    }
    gate.advance(86_400);
    expect((await renew()).body).toEqual({
      detail: "Token is invalid or expired",
      code: "token_not_valid",
    });
    expect(gate.events.filter(({ type }) => type === "token_reused")).toEqual([]);
  });

  test("REST-3: a refresh token that GraphQL has replaced ends its session when the bridge gets it", async () => {
    const { body } = await post(gate, "/token/", ADA);
    const { data } = await gate.refresh(body.refresh);
    gate.advance(60);
    const reused = await post(gate, "/token/refresh/", { refresh: body.refresh });
    expect(reused.body.detail).toBe("Token is blacklisted");
    expect(gate.events.at(-1)).toMatchObject({ type: "token_reused", userId: ada });
    expect((await gate.refresh(data.refreshToken.refresh)).reason).toBe("token_reused");
  });

  test("REST-3: a refresh token is refused after its user was deactivated, or got a new password", async () => {
    const eve = await gate.user("eve");
    const { body: one } = await post(gate, "/token/", { ...ADA, username: "eve" });
    await gate.auth.accounts.setActive(eve, false);
    expect((await post(gate, "/token/refresh/", { refresh: one.refresh })).status).toBe(401);
    expect((await profile(gate, `Bearer ${one.access}`)).text).toBe(
      '{"detail":"User is inactive","code":"user_inactive"}',
    );
    await gate.auth.accounts.setActive(eve, true);
    const { body: two } = await post(gate, "/token/", { ...ADA, username: "eve" });
    await gate.auth.accounts.setPassword(eve, "another long password 7");
    const refused = await post(gate, "/token/refresh/", { refresh: two.refresh });
    expect(refused.body.detail).toBe("Token is blacklisted");
  });

  test("REST-2: logins, refreshes and logouts cause the events that GraphQL causes", async () => {
    gate.events.length = 0;
    const { body } = await post(gate, "/token/", ADA);
    await post(gate, "/token/", { ...ADA, password: "x" });
    await post(gate, "/token/refresh/", { refresh: body.refresh });
    await post(gate, "/logout/", { refresh: body.refresh }, `Bearer ${body.access}`);
    expect(gate.events.map(({ type }) => type)).toEqual([
      "token_issued",
      "login_failed",
      "token_refreshed",
      "session_ended",
    ]);
  });

  test("REST-2: the e-mail address logs in at /login/, and the answer has our user id", async () => {
    const { body } = await post(gate, "/login/", { email: "Ada@Example.com", password: PASSWORD });
    expect(body).toEqual({ token: body.token, user_id: ada, email: "ada@example.com" });
    expect((await profile(gate, `Token ${body.token}`)).status).toBe(200);
  });

  test("REST-2: a login with both a user name and an address is a login by user name", async () => {
    const { body } = await post(gate, "/login/", { ...ADA, email: "eve@example.com" });
    expect(Object.keys(body)).toEqual(["token"]);
  });

  test("REST-2: a key is refused while its user is inactive", async () => {
    const dan = await gate.user("dan");
    const { token } = (await post(gate, "/login/", { ...ADA, username: "dan" })).body;
    await gate.auth.accounts.setActive(dan, false);
    for (const [path, method] of [
      ["/profile/", "GET"],
      ["/logout/", "POST"],
    ] as const) {
      const headers = { authorization: `Token ${token}` };
      const { status, text } = await call(gate.url + path, { method, headers });
      expect([status, text]).toEqual([401, '{"detail":"User inactive or deleted."}']);
    }
  });

  test("REST-2: an expired access token causes an event with its client, as in GraphQL", async () => {
    const { body } = await post(gate, "/token/", ADA);
    gate.advance(3600);
    gate.events.length = 0;
    expect((await profile(gate, `Bearer ${body.access}`)).status).toBe(401);
    expect(gate.events).toMatchObject([{ type: "token_expired", userId: ada }]);
  });

  test("REST-2: OPTIONS needs a credential where the view needs one, as in Django", async () => {
    const { token } = (await post(gate, "/login/", ADA)).body;
    const options = async (path: string, authorization?: string) => {
      const headers = authorization === undefined ? {} : { authorization };
      const answer = await call(gate.url + path, { method: "OPTIONS", headers });
      return [answer.status, answer.headers.get("allow")];
    };
    expect(await options("/profile/")).toEqual([401, "GET, HEAD, OPTIONS"]);
    expect(await options("/logout/", "Token wrong")).toEqual([401, "POST, OPTIONS"]);
    expect(await options("/profile/", `Token ${token}`)).toEqual([200, "GET, HEAD, OPTIONS"]);
    expect(await options("/login/")).toEqual([200, "POST, OPTIONS"]);
  });

  test("REST-2: an expired credential in the header does not stop a login", async () => {
    for (const path of ["/login/", "/token/"]) {
      expect((await post(gate, path, ADA, "Token stale")).status).toBe(200);
    }
  });

  test("a path without its slash redirects: a GET by 301, and a POST by 308, which keeps the body", async () => {
    const redirected = await call(`${gate.url}/profile?a=b`);
    expect([redirected.status, redirected.headers.get("location")]).toEqual([301, "/profile/?a=b"]);
    const response = await fetch(`${gate.url}/token`, {
      method: "POST",
      body: JSON.stringify(ADA),
      headers: { "content-type": "application/json" },
    });
    expect([response.status, Object.keys((await response.json()) as object)]).toEqual([
      200,
      ["refresh", "access"],
    ]);
  });

  test.each(["token", "jwt"])("the document's hook useAuth(%j) works unchanged", async (type) => {
    const hook = await mountUseAuth(gate, type);
    const data = await hook.current().login("ada", PASSWORD);
    expect(Object.keys(data)).toEqual(type === "jwt" ? ["refresh", "access"] : ["token"]);
    expect(hook.current().user).toBe("ada");
    const response = await hook.current().authFetch("http://127.0.0.1:8000/profile/");
    expect(await response.json()).toEqual({ username: "ada", email: "ada@example.com" });
    hook.current().logout();
    expect(hook.current().token).toBeNull();
    expect((await hook.current().authFetch("http://127.0.0.1:8000/profile/")).status).toBe(401);
  });
});

/**
 * Runs the hook with a `useState` that renders when `current` is called. Requests of the hook to port 8000 go to the
 * gate.
 */
async function mountUseAuth(gate: Gate, type: string): Promise<{ current(): any }> {
  const source = await readFile(join(import.meta.dirname, "use-auth.js"), "utf8");
  const code = source.replace(/^import .*$/m, "").replace("export function", "return function");
  const states: unknown[] = [];
  let next = 0;
  const useState = (initial: unknown) => {
    const index = next++;
    if (!(index in states)) states[index] = initial;
    return [states[index], (value: unknown) => (states[index] = value)];
  };
  const stored = new Map<string, string>();
  const localStorage = {
    getItem: (key: string) => stored.get(key) ?? null,
    setItem: (key: string, value: string) => stored.set(key, value),
    clear: () => {
      stored.clear();
    },
  };
  const send = (url: string, init?: RequestInit) =>
    fetch(url.replace("http://127.0.0.1:8000", gate.url), init);
  // eslint-disable-next-line @typescript-eslint/no-implied-eval -- the hook names these three as globals
  const useAuth = new Function("useState", "localStorage", "fetch", code)(
    useState,
    localStorage,
    send,
  );
  return {
    current: () => {
      next = 0;
      return useAuth(type);
    },
  };
}

describe("rate limits", () => {
  const gate = setUpGate({ restBridge: true, loginsPerAddress: 3, requestsPerAddress: 7 });

  test("REST-4: the bridge and GraphQL share the limits, and a refusal says when to retry", async () => {
    await gate.user("ada");
    for (const path of ["/login/", "/token/"])
      expect((await post(gate, path, ADA)).status).toBe(200);
    await gate.login("ada");
    const refused = await post(gate, "/login/", ADA);
    const wait = refused.headers.get("retry-after");
    expect(refused.status).toBe(429);
    expect(refused.body).toEqual({
      detail: `Request was throttled. Expected available in ${wait} seconds.`,
    });
    for (let count = 0; count < 3; count += 1) await post(gate, "/token/verify/", { token: "x" });
    for (const [path, json] of [
      ["/token/verify/", { token: "x" }],
      ["/token/refresh/", { refresh: "x" }],
    ] as const) {
      expect((await post(gate, path, json)).status).toBe(429);
    }
  });
});

describe("pages of other origins", () => {
  const ORIGIN = "https://app.example.com";
  const gate = setUpGate({ restBridge: true, refreshCookie: true, corsOrigins: [ORIGIN] });

  beforeAll(async () => {
    await gate.user("ada");
  });

  test("REST-5: pages of corsOrigins can read the answers, and other pages cannot", async () => {
    for (const [origin, allowed] of [
      [ORIGIN, ORIGIN],
      ["https://evil.example", null],
    ] as const) {
      const answer = await call(`${gate.url}/login/`, { json: ADA, headers: { origin } });
      expect(answer.headers.get("access-control-allow-origin")).toBe(allowed);
    }
    const preflight = await call(`${gate.url}/profile/`, {
      method: "OPTIONS",
      headers: {
        origin: ORIGIN,
        "access-control-request-method": "GET",
        "access-control-request-headers": "authorization",
      },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get("access-control-allow-headers")).toContain("authorization");
  });

  test("REST-5: no answer sets a cookie, and no cookie signs a request in, even in cookie mode", async () => {
    const query = `mutation { login(username: "ada", password: "${PASSWORD}") { access } }`;
    const { headers } = await gate.ask(query);
    const [cookie = ""] = (headers.get("set-cookie") ?? "").split(";");
    expect(cookie).toContain("eyJ");
    const sent = { headers: { cookie, "x-gatehouse-csrf": "1" } };
    expect((await call(`${gate.url}/profile/`, sent)).status).toBe(401);
    expect((await call(`${gate.url}/logout/`, { method: "POST", ...sent })).status).toBe(401);
    expect((await call(`${gate.url}/token/refresh/`, { json: {}, ...sent })).status).toBe(400);
    for (const path of ["/login/", "/token/"]) {
      const answer = await call(gate.url + path, { body: new URLSearchParams(ADA) });
      expect([answer.status, answer.headers.get("set-cookie")]).toEqual([200, null]);
    }
  });

  test("a body of more than 100 KiB is refused with a detail, even by the function handle of auth.routes", async () => {
    const body = JSON.stringify({ ...ADA, more: "x".repeat(100 * 1024) });
    const headers = { "content-type": "application/json" };
    const detail = "The body must be at most 100 KiB.";
    const refused = await call(`${gate.url}/login/`, { body, headers });
    expect([refused.status, JSON.parse(refused.text)]).toEqual([413, { detail }]);
    const route = gate.auth.routes.find(
      ({ path, method }) => path === "/login/" && method === "POST",
    );
    const client = { ipAddress: "192.0.2.1", userAgent: null };
    const send = (text: string) =>
      route!.handle(
        new Request("http://localhost/login/", { method: "POST", body: text, headers }),
        client,
      );
    const refusedHere = await send(body);
    expect([refusedHere.status, await refusedHere.json()]).toEqual([413, { detail }]);
    expect((await send(JSON.stringify(ADA))).status).toBe(200);
  });
});

describe("a request that the server refuses itself", () => {
  const gate = setUpGate({ restBridge: true });

  test.each([
    ["a long header", 431, { "content-type": "x".repeat(300) }, "The headers are too long."],
    [
      "a compressed body",
      415,
      { "content-type": "application/json", "content-encoding": "gzip" },
      "The body must be in UTF-8, and must not be compressed.",
    ],
    [
      "another charset",
      415,
      { "content-type": "application/json; charset=latin1" },
      "The body must be in UTF-8, and must not be compressed.",
    ],
  ])("has a detail: %s", async (_title, status, headers, detail) => {
    const { text, ...answer } = await call(`${gate.url}/login/`, { body: "{}", headers });
    expect([answer.status, JSON.parse(text)]).toEqual([status, { detail }]);
  });

  test("has errors as in GraphQL on other routes", async () => {
    const headers = { "content-type": "x".repeat(300) };
    const { status, text } = await call(`${gate.url}/health/live`, { headers });
    expect([status, Object.keys(JSON.parse(text))]).toEqual([431, ["errors"]]);
  });
});

describeFreshGates({ restBridge: true }, (gate, database) => {
  const UNAVAILABLE = '{"detail":"Service temporarily unavailable, try again later."}';

  /** Creates tokens. Returns a function that sends a request with them to each view. */
  async function startAll(): Promise<() => Promise<RestAnswer[]>> {
    await gate.user("ada", { email: "ada@example.com" });
    const { token: key } = (await post(gate, "/login/", ADA)).body;
    const { access, refresh } = (await post(gate, "/token/", ADA)).body;
    const byEmail = { email: "ada@example.com", password: PASSWORD };
    return () =>
      Promise.all([
        post(gate, "/login/", ADA),
        post(gate, "/login/", byEmail),
        post(gate, "/token/", ADA),
        post(gate, "/logout/", {}, `Token ${key}`),
        post(gate, "/logout/", { refresh }, `Bearer ${access}`),
        post(gate, "/token/refresh/", { refresh }),
        post(gate, "/token/verify/", { token: access }),
        profile(gate, `Token ${key}`),
        profile(gate, `Bearer ${access}`),
      ]);
  }

  function expectUnavailable({ status, type, headers, text }: RestAnswer): void {
    expect([status, type, text]).toEqual([503, "application/json", UNAVAILABLE]);
    expect(Number(headers.get("retry-after"))).toBeGreaterThan(0);
    expect(headers.has("www-authenticate")).toBe(false);
  }

  test("H-28: without a database, every view answers 503 and when to retry, and none calls a credential invalid", async () => {
    const askAll = await startAll();
    await gate.auth.close();
    for (const answer of await askAll()) expectUnavailable(answer);
  });

  test("OP-8: while the database is locked, a login and a logout answer 503, and change nothing later", async () => {
    await gate.user("ada");
    const { token: key } = (await post(gate, "/login/", ADA)).body;
    const { access, refresh } = (await post(gate, "/token/", ADA)).body;
    const count = async () => await gate.sql("SELECT id, ended_at FROM session ORDER BY id");
    const before = await count();
    const release = await LOCK_TABLES[database](gate);
    const answers = await Promise.all([
      post(gate, "/login/", ADA),
      post(gate, "/token/", ADA),
      post(gate, "/logout/", {}, `Token ${key}`),
      post(gate, "/logout/", { refresh }, `Bearer ${access}`),
    ]).finally(release);
    for (const answer of answers) expectUnavailable(answer);
    await post(gate, "/login/", { username: "bob", password: "x" });
    expect(await count()).toEqual(before);
    expect((await profile(gate, `Token ${key}`)).status).toBe(200);
  });
});

describe("the event of a logout", () => {
  const actors: unknown[] = [];
  const gate = setUpGate({
    restBridge: true,
    onEvent: ({ type }, { actor }) => {
      if (type === "session_ended") actors.push(actor);
    },
  });

  test("REST-2: names the user who logged out, by Token and by Bearer", async () => {
    const userId = await gate.user("ada");
    const { token } = (await post(gate, "/login/", ADA)).body;
    const { access, refresh } = (await post(gate, "/token/", ADA)).body;
    await post(gate, "/logout/", {}, `Token ${token}`);
    await post(gate, "/logout/", { refresh }, `Bearer ${access}`);
    const actor = { userId, sessionId: expect.any(String) };
    expect(actors).toEqual([actor, actor]);
  });
});

describe("users of Django", () => {
  const gate = setUpGate({ restBridge: true, django: true });

  test.each([
    [7, 7],
    ["0f8fad5b-d9cb-469f-a165-70867728950e", "0f8fad5b-d9cb-469f-a165-70867728950e"],
  ])("REST-2: log in by address, and get their primary key %j as user_id", async (key, shown) => {
    const id = await storeUser(gate, key, `user ${key}`);
    await gate.auth.accounts.setPassword(id, PASSWORD);
    const email = `${key}@example.com`;
    await gate.sql(`UPDATE "user" SET email = ?, email_key = ? WHERE id = ?`, [email, email, id]);
    const { body } = await post(gate, "/login/", { email, password: PASSWORD });
    expect(body).toEqual({ token: body.token, user_id: shown, email });
    expect(await gate.auth.djangoIdOf(id)).toBe(shown);
  });

  test("REST-2: users who were not imported get our id, and a refused login reveals no id", async () => {
    const id = await gate.user("ada", { email: "ada@example.com" });
    const login = { email: "ada@example.com", password: PASSWORD };
    expect((await post(gate, "/login/", login)).body.user_id).toBe(id);
    const refused = await post(gate, "/login/", { ...login, password: "x" });
    expect(refused.body).toEqual({ error: "Invalid email or password" });
  });
});

describe("without REST_BRIDGE", () => {
  const gate = setUpGate();

  test("no path of the bridge is served", async () => {
    for (const path of [
      "/login/",
      "/token/",
      "/token/refresh/",
      "/token/verify/",
      "/logout/",
      "/profile/",
      "/login",
    ]) {
      expect((await post(gate, path, ADA)).status).toBe(404);
    }
  });
});
