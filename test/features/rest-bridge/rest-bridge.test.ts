import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "@jest/globals";
import { describeGates, type Gate, PASSWORD, setUpGate } from "../../support/gate.js";
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

  test("REST-3: a refresh token that GraphQL has replaced ends its session here, too", async () => {
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

  test("REST-2: the e-mail address logs in at /login/, and gets our user id", async () => {
    const { body } = await post(gate, "/login/", { email: "Ada@Example.com", password: PASSWORD });
    expect(body).toEqual({ token: body.token, user_id: ada, email: "ada@example.com" });
    expect((await profile(gate, `Token ${body.token}`)).status).toBe(200);
  });

  test("REST-2: a stale credential in the header does not stop a login", async () => {
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

/** Runs the hook with a `useState` that renders when `current` is called. Its port 8000 is the gate's. */
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

  test("a body of more than 100 KiB is refused, also by the handle of auth.routes", async () => {
    const body = JSON.stringify({ ...ADA, more: "x".repeat(100 * 1024) });
    const headers = { "content-type": "application/json" };
    expect((await call(`${gate.url}/login/`, { body, headers })).status).toBe(413);
    const route = gate.auth.routes.find(
      ({ path, method }) => path === "/login/" && method === "POST",
    );
    const client = { ipAddress: "192.0.2.1", userAgent: null };
    const send = (text: string) =>
      route!.handle(
        new Request("http://localhost/login/", { method: "POST", body: text, headers }),
        client,
      );
    expect((await send(body)).status).toBe(413);
    expect((await send(JSON.stringify(ADA))).status).toBe(200);
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
