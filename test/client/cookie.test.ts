import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { type AuthClient, type AuthState, createAuthClient } from "../../src/client/index.js";
import { CookieJar } from "../support/cookie-jar.js";
import { Gate, PASSWORD } from "../support/gate.js";

const ASK = {
  method: "POST",
  headers: { "content-type": "application/json" },
  body: '{"query":"{ me { username } }"}',
};

let gate: Gate;
let jar: CookieJar;
let open: AuthClient[];

beforeAll(async () => {
  gate = await Gate.open({ refreshCookie: true });
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

afterAll(() => gate.close());

const endpoint = () => `${gate.url}/graphql`;

/** A client as a page that was just loaded has it. */
function load(options = {}): AuthClient {
  const url = endpoint();
  const client = createAuthClient({ url, storage: "cookie", fetch: jar.fetch, ...options });
  open.push(client);
  return client;
}

/** The state that a page comes to by itself. */
function settle(client: AuthClient, isSettled = (state: AuthState) => state.status !== "loading") {
  return new Promise<AuthState>((resolve) => {
    const look = () => {
      if (isSettled(client.getSession())) resolve(client.getSession());
    };
    client.subscribe(look);
    look();
  });
}

describe("with the server's cookie", () => {
  test("a page without one is loading, asks once, and then anonymous without an error", async () => {
    const client = load();
    expect(client.getSession().status).toBe("loading");
    expect(jar.seen.length).toBe(0);
    expect(await settle(client)).toMatchObject({ status: "anonymous", error: null });
    expect(await client.getAuthorization()).toBeNull();
    expect(jar.seen.length).toBe(1);
  });

  test("a login survives a reload, and the client never holds the refresh token", async () => {
    const client = load();
    const state = await client.login("ada", PASSWORD);
    expect(state.status).toBe("authenticated");
    expect(jar.cookie).toMatch(/^__Host-gatehouse-refresh=\S+$/);
    expect(await settle(load())).toMatchObject({ user: { username: "ada" }, error: null });
    expect(gate.events.map(({ type }) => type)).toEqual(["token_issued", "token_refreshed"]);
  });

  test("whatever a page asks first finds out who is signed in", async () => {
    await load().login("ada", PASSWORD);
    expect(await load().getAuthorization()).toMatch(/^Bearer /);
    const response = await load().authFetch(endpoint(), ASK);
    expect(((await response.json()) as any).data.me.username).toBe("ada");
  });

  test("every request to the server has the header that no other site can send, and cookies where they belong", async () => {
    const client = load();
    await client.login("ada", PASSWORD);
    await client.refresh();
    await client.logout();
    expect(jar.seen.map((headers) => headers["x-gatehouse-csrf"])).toEqual(["1", "1", "1"]);
    expect(jar.credentials).toEqual(Array(3).fill("same-origin"));
    const abroad = load({ credentials: "include" });
    await abroad.login("ada", PASSWORD);
    expect(jar.credentials.at(-1)).toBe("include");
  });

  test("the cookie's operations carry no Authorization", async () => {
    const client = load();
    await client.login("ada", PASSWORD);
    await client.refresh();
    await client.logout();
    expect(jar.seen.map(({ authorization }) => authorization)).toEqual(Array(3).fill(undefined));
  });

  test("a logout ends the session and the cookie, in every tab", async () => {
    const [client, tab] = [load(), load()];
    await client.login("ada", PASSWORD);
    const { authorization } = await settle(tab, ({ status }) => status === "authenticated");
    await client.logout();
    expect(jar.cookie).toBe("");
    expect(await settle(tab, ({ status }) => status === "anonymous")).toMatchObject({
      token: null,
    });
    expect((await gate.me(authorization ?? "")).reason).toBe("token_revoked");
    expect((await settle(load())).status).toBe("anonymous");
  });

  test("a logout ends the session also where the browser has lost the cookie", async () => {
    const client = load();
    const { authorization } = await client.login("ada", PASSWORD);
    jar.cookie = "";
    expect(await client.logout()).toMatchObject({ status: "anonymous", error: null });
    expect((await gate.me(authorization ?? "")).reason).toBe("token_revoked");
  });

  test("logoutAll takes the cookie away, and the next visit is not told of a session that was ended", async () => {
    const client = load();
    await client.login("ada", PASSWORD);
    expect(await client.logoutAll()).toMatchObject({ status: "anonymous", error: null });
    expect(jar.cookie).toBe("");
    expect(await settle(load())).toMatchObject({ status: "anonymous", error: null });
  });

  test("of two logins at once the last that was asked for counts, and leaves its cookie", async () => {
    const client = load();
    await Promise.all([client.login("ada", PASSWORD), client.login("bob", PASSWORD)]);
    expect(client.getSession()).toMatchObject({ user: { username: "bob" }, error: null });
    expect(await settle(load())).toMatchObject({ user: { username: "bob" }, error: null });
    const ended = gate.events.filter(({ type }) => type === "session_ended");
    expect(ended).toHaveLength(1);
  });

  test("a logout that does not reach the server leaves one signed in, because the cookie is still there", async () => {
    const client = load({ timeout: 0.5 });
    await client.login("ada", PASSWORD);
    jar.isAway = true;
    expect(await client.logout()).toMatchObject({
      status: "authenticated",
      error: { reason: "offline" },
    });
    jar.isAway = false;
    expect(await client.logout()).toMatchObject({ status: "anonymous", error: null });
  });

  test("a login in one tab is the login of all", async () => {
    const [client, tab] = [load(), load()];
    await client.login("ada", PASSWORD);
    await settle(tab, ({ user }) => user?.username === "ada");
    await client.login("bob", PASSWORD);
    await settle(tab, ({ user }) => user?.username === "bob");
    expect(await tab.refresh()).toMatchObject({ user: { username: "bob" }, error: null });
  });

  test("a page that finds the server away says so, and is signed in once it is back", async () => {
    await load().login("ada", PASSWORD);
    jar.isAway = true;
    const client = load({ timeout: 0.3 });
    const state = await settle(client, ({ error }) => error !== null);
    expect(state).toMatchObject({ status: "anonymous", error: { reason: "offline" } });
    jar.isAway = false;
    await new Promise((resolve) => setTimeout(resolve, 1000));
    expect(await client.getAuthorization()).toMatch(/^Bearer /);
    expect(client.getSession()).toMatchObject({ status: "authenticated", error: null });
  });

  test("a session that is over is anonymous at the next visit, and says why", async () => {
    const { authorization } = await load().login("ada", PASSWORD);
    await gate.logout({ authorization: authorization ?? "" });
    expect(await settle(load())).toMatchObject({
      status: "anonymous",
      error: { reason: "token_revoked" },
    });
  });

  test("a client that was not told of the cookie is signed in for as long as its access token is good", async () => {
    const client = load({ storage: "memory" });
    const { authorization } = await client.login("ada", PASSWORD);
    gate.advance(400);
    await client.authFetch(endpoint(), ASK);
    expect(client.getSession()).toMatchObject({
      status: "anonymous",
      error: { reason: "token_expired" },
    });
    expect(authorization).toMatch(/^Bearer /);
    expect(gate.events.map(({ type }) => type)).toEqual(["token_issued"]);
  });
});
