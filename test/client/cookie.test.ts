import { afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { type AuthClient, type AuthState, createAuthClient } from "../../src/client/index.js";
import { CookieJar } from "../support/cookie-jar.js";
import { withGlobal } from "../support/fake-storage.js";
import { PASSWORD, setUpGate } from "../support/gate.js";

const ME_REQUEST = {
  method: "POST",
  headers: { "content-type": "application/json" },
  body: '{"query":"{ me { username } }"}',
};

const NO_COOKIES = { cookieEnabled: false };

const gate = setUpGate({ refreshCookie: true });
let jar: CookieJar;
let open: AuthClient[];

beforeAll(async () => {
  await gate.user("ada");
  await gate.user("bob");
});

beforeEach(() => {
  jar = new CookieJar();
  open = [];
  gate.events.length = 0;
});

afterEach(() => {
  for (const client of open) client.close();
});

const endpoint = () => `${gate.url}/graphql`;

/** Creates the client of a page that has just loaded. */
function load(options = {}): AuthClient {
  const url = endpoint();
  const client = createAuthClient({ url, storage: "cookie", fetch: jar.fetch, ...options });
  open.push(client);
  return client;
}

/** Delays the first request. */
function lateForFirst(send: typeof fetch): typeof fetch {
  let delay = 200;
  return async (...request) => {
    const wait = delay;
    delay = 0;
    await new Promise((resolve) => setTimeout(resolve, wait));
    return send(...request);
  };
}

/** Resolves with the first state that meets a condition. */
function waitForState(
  client: AuthClient,
  isSettled = (state: AuthState) => state.status !== "loading",
) {
  return new Promise<AuthState>((resolve) => {
    const check = () => {
      if (isSettled(client.getSession())) resolve(client.getSession());
    };
    client.subscribe(check);
    check();
  });
}

describe("with the refresh cookie", () => {
  test("a page without the cookie is loading, sends one refresh, and is then anonymous without an error", async () => {
    const client = load();
    expect(client.getSession().status).toBe("loading");
    expect(jar.seen.length).toBe(0);
    expect(await waitForState(client)).toMatchObject({ status: "anonymous", error: null });
    expect(await client.getAuthorization()).toBeNull();
    expect(jar.seen.length).toBe(1);
  });

  test("a login survives a reload, and the client never holds the refresh token", async () => {
    const client = load();
    const state = await client.login("ada", PASSWORD);
    expect(state.status).toBe("authenticated");
    expect(jar.cookie).toMatch(/^gatehouse-refresh=\S+$/);
    expect(await waitForState(load())).toMatchObject({ user: { username: "ada" }, error: null });
    expect(gate.events.map(({ type }) => type)).toEqual([
      "token_issued",
      "token_refreshed",
      "token_refreshed",
    ]);
  });

  test("the first request of a page restores the session, whatever the request is", async () => {
    await load().login("ada", PASSWORD);
    expect(await load().getAuthorization()).toMatch(/^Bearer /);
    const response = await load().authFetch(endpoint(), ME_REQUEST);
    expect(((await response.json()) as any).data.me.username).toBe("ada");
  });

  test("every request carries the CSRF header, and cookies as the credentials option says", async () => {
    const client = load();
    await client.login("ada", PASSWORD);
    await client.refresh();
    await client.logout();
    expect(jar.seen.map((headers) => headers["x-gatehouse-csrf"])).toEqual(Array(4).fill("1"));
    expect(jar.credentials).toEqual(Array(4).fill("same-origin"));
    const crossOrigin = load({ credentials: "include" });
    await crossOrigin.login("ada", PASSWORD);
    expect(jar.credentials.at(-1)).toBe("include");
  });

  test("operations that use the cookie carry no Authorization header", async () => {
    const client = load();
    await client.login("ada", PASSWORD);
    await client.refresh();
    await client.logout();
    expect(jar.seen.map(({ authorization }) => authorization)).toEqual(Array(4).fill(undefined));
  });

  test("a logout ends the session and removes the cookie, in every tab", async () => {
    const [client, tab] = [load(), load()];
    await client.login("ada", PASSWORD);
    const { authorization } = await waitForState(tab, ({ status }) => status === "authenticated");
    await client.logout();
    expect(jar.cookie).toBe("");
    expect(await waitForState(tab, ({ status }) => status === "anonymous")).toMatchObject({
      token: null,
    });
    expect((await gate.me(authorization ?? "")).reason).toBe("token_revoked");
    expect((await waitForState(load())).status).toBe("anonymous");
  });

  test("a logout ends the session even if the browser has lost the cookie", async () => {
    const client = load();
    const { authorization } = await client.login("ada", PASSWORD);
    jar.cookie = "";
    expect(await client.logout()).toMatchObject({ status: "anonymous", error: null });
    expect((await gate.me(authorization ?? "")).reason).toBe("token_revoked");
  });

  test("logoutAll removes the cookie, so the next visit is anonymous without an error", async () => {
    const client = load();
    await client.login("ada", PASSWORD);
    expect(await client.logoutAll()).toMatchObject({ status: "anonymous", error: null });
    expect(jar.cookie).toBe("");
    expect(await waitForState(load())).toMatchObject({ status: "anonymous", error: null });
  });

  test.each([
    ["without locks", {}],
    ["with a lock that cannot be had", { locks: { request: () => Promise.reject(new Error()) } }],
  ])(
    "when two logins overlap %s, the last call wins, and its cookie stays",
    async (_, navigator) => {
      const undo = withGlobal("navigator", navigator);
      try {
        const client = load({ fetch: lateForFirst(jar.fetch) });
        await Promise.all([client.login("ada", PASSWORD), client.login("bob", PASSWORD)]);
        expect(client.getSession()).toMatchObject({ user: { username: "bob" }, error: null });
      } finally {
        undo();
      }
      expect(await waitForState(load())).toMatchObject({ user: { username: "bob" }, error: null });
      const ended = gate.events.filter(({ type }) => type === "session_ended");
      expect(ended).toHaveLength(1);
    },
  );

  test("a logout that does not reach the server leaves the user signed in, because the cookie remains", async () => {
    const client = load({ timeout: 2 });
    await client.login("ada", PASSWORD);
    jar.isAway = true;
    expect(await client.logout()).toMatchObject({
      status: "authenticated",
      error: { reason: "offline" },
    });
    jar.isAway = false;
    expect(await client.logout()).toMatchObject({ status: "anonymous", error: null });
  });

  test("a login in one tab signs in all tabs", async () => {
    const [client, tab] = [load(), load()];
    await client.login("ada", PASSWORD);
    await waitForState(tab, ({ user }) => user?.username === "ada");
    await client.login("bob", PASSWORD);
    await waitForState(tab, ({ user }) => user?.username === "bob");
    expect(await tab.refresh()).toMatchObject({ user: { username: "bob" }, error: null });
  });

  test("a page reports that the server is unreachable, and is signed in once it is back", async () => {
    await load().login("ada", PASSWORD);
    jar.isAway = true;
    const client = load({ timeout: 2 });
    const state = await waitForState(client, ({ error }) => error !== null);
    expect(state).toMatchObject({ status: "anonymous", error: { reason: "offline" } });
    jar.isAway = false;
    // The client does not retry a failed refresh for one to two seconds.
    await new Promise((resolve) => setTimeout(resolve, 2100));
    expect(await client.getAuthorization()).toMatch(/^Bearer /);
    expect(client.getSession()).toMatchObject({ status: "authenticated", error: null });
  });

  test("an ended session is anonymous at the next visit, with the reason", async () => {
    const { authorization } = await load().login("ada", PASSWORD);
    await gate.logout({ authorization: authorization ?? "" });
    expect(await waitForState(load())).toMatchObject({
      status: "anonymous",
      error: { reason: "token_revoked" },
    });
  });

  test("a client that does not use the cookie is signed in until its access token expires", async () => {
    const client = load({ storage: "memory" });
    const { authorization } = await client.login("ada", PASSWORD);
    gate.advance(400);
    await client.authFetch(endpoint(), ME_REQUEST);
    expect(client.getSession()).toMatchObject({
      status: "anonymous",
      error: { reason: "token_expired" },
    });
    expect(authorization).toMatch(/^Bearer /);
    expect(gate.events.map(({ type }) => type)).toEqual(["token_issued", "token_expired"]);
  });
});

describe("a login whose cookie the browser does not keep", () => {
  test("says so at once, and lasts until its access token expires", async () => {
    jar.isClosed = true;
    const client = load();
    const state = await client.login("ada", PASSWORD);
    expect(state).toMatchObject({ status: "authenticated", error: null, hasStorageFailed: true });
    expect((await client.refresh()).user?.username).toBe("ada");
    gate.advance(400);
    await client.authFetch(endpoint(), ME_REQUEST);
    expect(client.getSession()).toMatchObject({
      status: "anonymous",
      error: { reason: "token_expired" },
    });
  });

  test("is ended by a logout", async () => {
    jar.isClosed = true;
    const client = load();
    const { authorization } = await client.login("ada", PASSWORD);
    expect(await client.logout()).toMatchObject({ status: "anonymous", error: null });
    expect((await gate.me(authorization ?? "")).reason).toBe("token_revoked");
  });

  test("says so too if the browser keeps an older cookie", async () => {
    await load().login("bob", PASSWORD);
    jar.isClosed = true;
    const client = load();
    expect(await client.login("ada", PASSWORD)).toMatchObject({
      user: { username: "ada" },
      hasStorageFailed: true,
    });
  });

  test("has the reason no_credentials if the cookie disappears later", async () => {
    const client = load();
    await client.login("ada", PASSWORD);
    jar.cookie = "";
    expect(await client.refresh()).toMatchObject({
      status: "anonymous",
      error: { reason: "no_credentials" },
    });
  });
});

describe("the check whether the browser keeps the cookie costs one refresh", () => {
  const count = () => jar.seen.length;

  test("at the first login of a page only", async () => {
    const client = load();
    expect((await client.login("ada", PASSWORD)).hasStorageFailed).toBe(false);
    expect(count()).toBe(2);
    await client.login("bob", PASSWORD);
    expect(count()).toBe(3);
  });

  test("which is not needed after a page load that found a session", async () => {
    await load().login("ada", PASSWORD);
    const client = load();
    await waitForState(client);
    const before = count();
    await client.login("bob", PASSWORD);
    expect(count() - before).toBe(1);
  });

  test.each([
    ["is not needed over TLS, where every browser keeps it", {}, 1],
    ["is needed over TLS if the browser refuses cookies", { navigator: NO_COOKIES }, 2],
    ["is needed over TLS in a frame", { self: {}, top: {} }, 2],
  ])("and %s", async (_, globals, requests) => {
    const page = { location: { href: "https://shop.example/" }, ...globals };
    const undo = Object.entries(page).map(([name, value]) => withGlobal(name, value));
    try {
      const forward: typeof fetch = (_url, init) => jar.fetch(endpoint(), init);
      const client = load({ url: "/graphql", fetch: forward });
      expect((await client.login("ada", PASSWORD)).error).toBeNull();
      expect(count()).toBe(requests);
    } finally {
      for (const restore of undo) restore();
    }
  });

  test("and decides nothing if its response is lost", async () => {
    let requests = 0;
    const flaky: typeof fetch = (...request) =>
      (requests += 1) === 2 ? Promise.reject(new TypeError("offline")) : jar.fetch(...request);
    const client = load({ fetch: flaky });
    expect(await client.login("ada", PASSWORD)).toMatchObject({
      status: "authenticated",
      hasStorageFailed: false,
    });
    expect((await client.refresh()).user?.username).toBe("ada");
  });
});

describe("without a session, in cookie mode,", () => {
  test.each(["logout", "logoutAll", "refresh"] as const)(
    "%s gives no_credentials, whether the page has asked for the cookie or not",
    async (method) => {
      const client = load();
      const expected = { status: "anonymous", error: { reason: "no_credentials" } };
      expect(await client[method]()).toMatchObject(expected);
      const asked = load();
      await waitForState(asked);
      expect(await asked[method]()).toMatchObject(expected);
    },
  );
});
