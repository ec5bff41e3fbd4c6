import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { createImpersonation, type Impersonation } from "../../src/client/account.js";
import {
  type AuthClient,
  type AuthClientOptions,
  createAuthClient,
} from "../../src/client/index.js";
import { CookieJar } from "../support/cookie-jar.js";
import { eventually } from "../support/eventually.js";
import { FakeStorage, withGlobal } from "../support/fake-storage.js";
import { FaultyProxy } from "../support/faulty-proxy.js";
import { PASSWORD, setUpGate } from "../support/gate.js";

const MINUTE = 60;
const ME = "{ me { username impersonatedBy { username } } }";
const ANONYMOUS = { status: "anonymous", user: null, error: null };

const gate = setUpGate({ impersonation: true });
const withCookie = setUpGate({ impersonation: true, refreshCookie: true });
let proxy: FaultyProxy;
let quinId: string;

let local: FakeStorage;
let perTab: FakeStorage;
let restore: (() => void)[];
let clients: AuthClient[];
/** The requests of a test. The test waits for them, because a client does not wait for its last request. */
let requests: Promise<unknown>[];

/** The administrator's own client. */
let auth: AuthClient;
let impersonation: Impersonation;

beforeAll(async () => {
  proxy = await FaultyProxy.open(gate.url);
  await gate.user("ada", { role: "ADMIN" });
  await gate.user("eve", { role: "ADMIN" });
  quinId = await gate.user("quin");
});

afterAll(() => proxy.close());

beforeEach(async () => {
  local = new FakeStorage();
  perTab = new FakeStorage();
  restore = [withGlobal("localStorage", local), withGlobal("sessionStorage", perTab)];
  clients = [];
  requests = [];
  proxy.reset();
  load();
  await auth.login("ada", PASSWORD);
});

afterEach(async () => {
  await Promise.allSettled(requests);
  for (const client of clients) client.close();
  for (const undo of restore) undo();
});

/** Loads the page of an administrator's tab. */
function load(options: Partial<AuthClientOptions> = {}): void {
  const { fetch: send = fetch, ...others } = options;
  const tracked: typeof fetch = (...request) => {
    const response = send(...request);
    requests.push(response);
    return response;
  };
  const defaults = { url: proxy.url, storage: "localStorage", fetch: tracked } as const;
  auth = createAuthClient({ ...defaults, ...others });
  impersonation = createImpersonation(auth);
  clients.push(auth, impersonation.client);
}

const start = (id = quinId) => impersonation.start(id, "ticket 4711");

async function startWell(id?: string): Promise<AuthClient> {
  expect((await start(id)).error).toBeNull();
  expect(impersonation.client.getSession().status).toBe("authenticated");
  return impersonation.client;
}

/** Returns the user of a client at the server, or the reason of the refusal. */
async function whoIs(client: AuthClient): Promise<object | string | undefined> {
  const authorization = (await client.getAuthorization()) ?? "";
  const { data, reason } = await gate.ask(ME, { authorization });
  return data?.me ?? reason;
}

const QUIN = { username: "quin", impersonatedBy: { username: "ada" } };
const ADA = { username: "ada", impersonatedBy: null };

describe("an administrator", () => {
  test("acts as a user, and the administrator's own session continues", async () => {
    const { data } = await start();
    expect(data).toMatchObject({ id: quinId, username: "quin" });
    const { client } = impersonation;
    expect(client.getSession()).toMatchObject({ user: { username: "quin" }, error: null });
    expect(await whoIs(client)).toEqual(QUIN);
    expect(auth.getSession()).toMatchObject({ user: { username: "ada" }, error: null });
    expect(await whoIs(auth)).toEqual(ADA);
  });

  test("stops by a logout, which ends the session as the user at the server too", async () => {
    const client = await startWell();
    const authorization = client.getSession().authorization ?? "";
    expect(await client.logout()).toMatchObject(ANONYMOUS);
    expect((await gate.me(authorization)).reason).toBe("token_revoked");
    expect(await whoIs(auth)).toEqual(ADA);
    expect(perTab.entries.size).toBe(0);
  });

  test("acts as the user after a refresh too, but not longer than 30 minutes", async () => {
    const client = await startWell();
    const { token } = client.getSession();
    gate.advance(20 * MINUTE);
    expect(await client.refresh()).toMatchObject({ user: { username: "quin" }, error: null });
    expect(client.getSession().token).not.toBe(token);
    expect(await whoIs(client)).toEqual(QUIN);
    gate.advance(11 * MINUTE);
    expect(await client.refresh()).toMatchObject({ status: "anonymous", user: null });
    expect(client.getSession().error).not.toBeNull();
    expect((await auth.refresh()).error).toBeNull();
    expect(await whoIs(auth)).toEqual(ADA);
  });

  test("with a sliding token can also act as a user", async () => {
    load({ scheme: "sliding" });
    await auth.login("ada", PASSWORD);
    const client = await startWell();
    expect(client.scheme).toBe("jwt");
    expect((await client.refresh()).user?.username).toBe("quin");
  });

  test("whose access token has expired: the token is renewed, and the operation is sent again", async () => {
    gate.advance(20 * MINUTE);
    await startWell();
    const sent = proxy.seen.map(({ operation }) => operation);
    expect(sent).toEqual(["Login", "Impersonate", "Refresh", "Impersonate"]);
  });
});

describe("is refused, and changes no state,", () => {
  test.each([
    ["without a recent password", 13 * 60 * MINUTE, "ada", "reauthentication_required"],
    ["to a user", 0, "quin", "role_required"],
  ])("%s", async (_, seconds, username, reason) => {
    await auth.login(username, PASSWORD);
    gate.advance(seconds);
    expect(await start()).toMatchObject({ data: null, error: { reason } });
    expect(impersonation.client.getSession()).toMatchObject(ANONYMOUS);
    expect(auth.getSession()).toMatchObject({ user: { username }, error: null });
  });

  test("when nobody is signed in: nothing is sent", async () => {
    await auth.logout();
    proxy.reset();
    expect((await start()).error?.reason).toBe("no_credentials");
    expect(proxy.seen).toEqual([]);
  });
});

describe("after a reload", () => {
  test.each(["localStorage", "sessionStorage"] as const)(
    "the tab still acts as the user, with storage %s",
    async (storage) => {
      load({ storage });
      await auth.login("ada", PASSWORD);
      await startWell();
      load({ storage });
      expect(auth.getSession().user?.username).toBe("ada");
      expect(await whoIs(impersonation.client)).toEqual(QUIN);
    },
  );

  test("other tabs do not act as the user", async () => {
    await startWell();
    restore.push(withGlobal("sessionStorage", new FakeStorage()));
    load();
    expect(auth.getSession().user?.username).toBe("ada");
    expect(impersonation.client.getSession()).toMatchObject(ANONYMOUS);
  });

  test("the tab does not act as the user if another user has signed in", async () => {
    const { token } = (await startWell()).getSession();
    const tab = createAuthClient({ url: proxy.url, storage: "localStorage" });
    for (const client of clients) client.close();
    await tab.login("eve", PASSWORD);
    tab.close();
    load();
    expect(auth.getSession().user?.username).toBe("eve");
    expect(impersonation.client.getSession()).toMatchObject(ANONYMOUS);
    expect(perTab.entries.size).toBe(0);
    await eventually(async () => (await gate.me(`Bearer ${token}`)).reason === "token_revoked");
  });

  test.each([
    ["memory", undefined],
    ["an object", "ada"],
  ])("the tab does not act as the user, with storage %s", async (kind, username) => {
    const storage = kind === "memory" ? kind : new FakeStorage();
    load({ storage });
    await auth.login("ada", PASSWORD);
    const client = await startWell();
    expect(client.getSession().hasStorageFailed).toBe(false);
    expect(perTab.entries.size).toBe(0);
    load({ storage });
    expect(auth.getSession().user?.username).toBe(username);
    expect(impersonation.client.getSession()).toMatchObject(ANONYMOUS);
  });

  test("the tab does not act as the user, with storage cookie, and the cookie stays the administrator's", async () => {
    await withCookie.user("ada", { role: "ADMIN" });
    const id = await withCookie.user("quin");
    const jar = new CookieJar();
    const options = {
      url: `${withCookie.url}/graphql`,
      storage: "cookie",
      fetch: jar.fetch,
    } as const;
    load(options);
    await auth.login("ada", PASSWORD);
    const { cookie } = jar;
    const client = await startWell(id);
    expect((await client.refresh()).user?.username).toBe("quin");
    await client.logout();
    await startWell(id);
    expect(jar.cookie).toBe(cookie);
    expect([local.entries.size, perTab.entries.size]).toEqual([1, 0]);
    load(options);
    expect((await auth.refresh()).user?.username).toBe("ada");
    expect(impersonation.client.getSession()).toMatchObject(ANONYMOUS);
  });
});

describe("the session ends", () => {
  test("when the administrator signs out", async () => {
    const client = await startWell();
    await auth.logout();
    expect(client.getSession().status).toBe("anonymous");
    expect(perTab.entries.size).toBe(0);
  });

  test("when the administrator signs out in another tab", async () => {
    const client = await startWell();
    const tab = createAuthClient({ url: proxy.url, storage: "localStorage" });
    clients.push(tab);
    await tab.logout();
    await eventually(() => Promise.resolve(client.getSession().status === "anonymous"));
  });

  test("when another administrator signs in, and it ends at the server too", async () => {
    const client = await startWell();
    const authorization = client.getSession().authorization ?? "";
    await auth.login("eve", PASSWORD);
    expect(client.getSession().status).toBe("anonymous");
    await eventually(async () => (await gate.me(authorization)).reason === "token_revoked");
  });

  test("if it was opened while the administrator signed out", async () => {
    load({
      fetch: async (input, init) => {
        const response = await fetch(input, init);
        if (JSON.stringify(init?.body).includes("mutation Impersonate")) await auth.logout();
        return response;
      },
    });
    await start();
    expect(impersonation.client.getSession().status).toBe("anonymous");
    expect(perTab.entries.size).toBe(0);
  });
});
