import { afterAll, afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import {
  createAccountClient,
  createExternalLogins,
  type ExternalLogins,
} from "../../src/client/account.js";
import {
  type AuthClient,
  type AuthClientOptions,
  createAuthClient,
} from "../../src/client/index.js";
import { IdentityServer, PAGE, type Person } from "../features/external-login/identity-server.js";
import { CookieJar } from "../support/cookie-jar.js";
import { FakeStorage, withGlobal } from "../support/fake-storage.js";
import { FaultyProxy } from "../support/faulty-proxy.js";
import { PASSWORD, setUpGate } from "../support/gate.js";

const MINUTE = 60;
const START = "https://app.example.com/";

const provider = await IdentityServer.start();
const options = {
  corsOrigins: [new URL(PAGE).origin],
  externalProviders: { corp: provider.client },
  registration: "open",
  smtpUrl: "smtp://127.0.0.1:9",
  mailFrom: "no-reply@example.com",
} as const;
const gate = setUpGate(options);
const withCookie = setUpGate({ ...options, refreshCookie: true });
const bare = setUpGate();

let proxy: FaultyProxy;
let count = 0;
let person: Person;
let local: FakeStorage;
let perTab: FakeStorage;
let location: { href: string; assign: (url: string) => void };
/** The pages to which the browser was sent. */
let visited: string[];
let restore: (() => void)[];
let clients: AuthClient[];
let auth: AuthClient;
let logins: ExternalLogins;

beforeEach(async () => {
  proxy = await FaultyProxy.open(gate.url);
  count += 1;
  person = { sub: `sub${count}`, email: `sub${count}@example.com`, email_verified: true };
  local = new FakeStorage();
  perTab = new FakeStorage();
  visited = [];
  location = { href: START, assign: (url) => void visited.push(url) };
  const history = {
    state: null,
    replaceState: (_state: unknown, _title: string, url: string) => (location.href = url),
  };
  restore = [
    withGlobal("location", location),
    withGlobal("history", history),
    withGlobal("localStorage", local),
    withGlobal("sessionStorage", perTab),
  ];
  clients = [];
  load();
});

afterEach(async () => {
  for (const client of clients) client.close();
  for (const undo of restore) undo();
  await proxy.close();
});

afterAll(() => provider.close());

/** Loads a page of the application. */
function load(options: Partial<AuthClientOptions> = {}): void {
  auth = createAuthClient({ url: proxy.url, storage: "localStorage", ...options });
  logins = createExternalLogins(auth);
  clients.push(auth);
}

/** Logs the person in at the provider, which sends the browser back, and loads that page. */
async function comeBack(options?: Partial<AuthClientOptions>): Promise<void> {
  const { url } = await provider.visit(visited.at(-1) ?? "", person);
  location.href = url.href;
  load(options);
}

const begin = async () => {
  expect((await logins.begin("corp", "/signed-in")).error).toBeNull();
};

async function signIn(options?: Partial<AuthClientOptions>): Promise<void> {
  load(options);
  const at = auth.scheme === "jwt" && options?.storage === "cookie" ? withCookie : gate;
  await at.user(`user${count}`);
  expect((await auth.login(`user${count}`, PASSWORD)).error).toBeNull();
}

const FAILED = { data: null, error: { reason: "external_login_failed" } };

test("providers lists the names of the server", async () => {
  expect(await logins.providers()).toEqual({ data: ["corp"], error: null });
});

describe("a login", () => {
  test.each(["jwt", "token", "sliding"] as const)(
    "goes to the provider and back, and signs in with scheme %s",
    async (scheme) => {
      load({ scheme });
      await begin();
      expect(visited).toEqual([expect.stringContaining(provider.issuer)]);
      await comeBack({ scheme });
      const { data, error } = await logins.complete();
      expect([data?.user.email, data?.isLink, error]).toEqual([person.email, false, null]);
      expect(auth.getSession()).toMatchObject({ status: "authenticated", error: null });
      const authorization = (await auth.getAuthorization()) ?? "";
      expect((await gate.me(authorization)).data.me.id).toBe(data?.user.id);
    },
  );

  test("signs in the other tabs, leaves the address bar clean and no trace in the tab", async () => {
    const tab = auth;
    const changed = new Promise<void>((resolve) => void tab.subscribe(resolve));
    await begin();
    await comeBack();
    await logins.complete();
    await changed;
    expect(tab.getSession().status).toBe("authenticated");
    expect(location.href).toBe(PAGE);
    expect(perTab.entries.size).toBe(0);
  });

  test("completed twice at once, as by React's StrictMode, has one result", async () => {
    await begin();
    await comeBack();
    const [first, second] = await Promise.all([logins.complete(), logins.complete()]);
    expect(second).toBe(first);
    expect(first.error).toBeNull();
    expect(await logins.complete()).toMatchObject(FAILED);
    expect(proxy.count("CompleteExternalLogin")).toBe(1);
  });

  const another = (letter: string) => (letter === "A" ? "B" : "A");

  test.each([
    ["in another tab", () => (perTab.entries = new Map())],
    [
      "with another state",
      () => (location.href = location.href.replace(/(?<=[?&]state=)./, another)),
    ],
    ["without a state", () => (location.href = location.href.replace("state=", "stat="))],
  ])("cannot be completed %s, and nothing is sent", async (_how, spoil) => {
    await begin();
    await comeBack();
    const whole = location.href;
    const kept = [...perTab.entries];
    spoil();
    expect(await logins.complete()).toMatchObject(FAILED);
    expect(proxy.count("CompleteExternalLogin")).toBe(0);
    expect(auth.getSession()).toMatchObject({ status: "anonymous", error: null });
    // The login that the tab has begun can still be completed.
    for (const [key, value] of kept) perTab.setItem(key, value);
    expect((await logins.complete(whole)).error).toBeNull();
  });

  test("fails if the user cancels it at the provider", async () => {
    await begin();
    const state = new URL(visited[0] ?? "").searchParams.get("state");
    location.href = `${PAGE}?error=access_denied&state=${state}`;
    const { error } = await logins.complete();
    expect(error?.message).toContain("access_denied");
    expect([proxy.count("CompleteExternalLogin"), perTab.entries.size]).toEqual([0, 0]);
  });

  test("leaves the state as it was if the server refuses it", async () => {
    await gate.user(`taken${count}`, { email: person.email ?? "" });
    await signIn();
    const before = auth.getSession();
    await begin();
    await comeBack();
    expect((await logins.complete()).error?.reason).toBe("account_exists");
    expect(auth.getSession()).toMatchObject({ user: before.user, error: null });
  });

  test("does not leave the page if the tab cannot store it", async () => {
    perTab.isForbidden = true;
    expect(await logins.begin("corp", "/signed-in")).toMatchObject(FAILED);
    expect(visited).toEqual([]);
  });

  test("at an unknown provider is refused, and does not leave the page", async () => {
    expect((await logins.begin("nobody", "/signed-in")).error?.reason).toBe("bad_user_input");
    expect(visited).toEqual([]);
  });
});

describe("a link", () => {
  test.each(["jwt", "sliding"] as const)(
    "keeps the session of scheme %s, is listed, and can be removed",
    async (scheme) => {
      await signIn({ scheme });
      const { token, user } = auth.getSession();
      expect((await logins.link("corp", PAGE)).error).toBeNull();
      await comeBack({ scheme });
      const { data, error } = await logins.complete();
      expect([data?.user.id, data?.isLink, error]).toEqual([user?.id, true, null]);
      expect(auth.getSession()).toMatchObject({ token, user, error: null });
      const [linked, ...others] = (await logins.linkedAccounts()).data ?? [];
      expect([linked, others]).toMatchObject([{ provider: "corp", name: person.email }, []]);
      expect((await logins.unlink(linked?.id ?? "")).error).toBeNull();
      expect((await logins.linkedAccounts()).data).toEqual([]);
    },
  );

  test("keeps the session in the cookie", async () => {
    const jar = new CookieJar();
    const options = {
      url: `${withCookie.url}/graphql`,
      storage: "cookie",
      credentials: "include",
      fetch: jar.fetch,
    } as const;
    await signIn(options);
    const { cookie } = jar;
    expect((await logins.link("corp", PAGE)).error).toBeNull();
    await comeBack(options);
    expect((await logins.complete()).data).toMatchObject({ isLink: true });
    expect(jar.cookie).not.toBe("");
    expect(jar.cookie).not.toBe(cookie);
    expect(await auth.refresh()).toMatchObject({ user: { username: `user${count}` }, error: null });
  });

  test("is not completed as a login after the user has signed out", async () => {
    await signIn();
    await logins.link("corp", PAGE);
    await comeBack();
    await auth.logout();
    expect((await logins.complete()).error?.reason).toBe("no_credentials");
    expect(proxy.count("CompleteExternalLogin")).toBe(0);
  });

  test("needs a password given in the last 15 minutes, and so does its removal", async () => {
    await signIn();
    gate.advance(20 * MINUTE);
    expect((await logins.link("corp", PAGE)).error?.reason).toBe("reauthentication_required");
    expect((await logins.unlink("x")).error?.reason).toBe("reauthentication_required");
    await createAccountClient(auth).reauthenticate(PASSWORD);
    expect((await logins.link("corp", PAGE)).error).toBeNull();
  });
});

test("outside a browser, the application opens the page and passes the address", async () => {
  for (const undo of restore.splice(0)) undo();
  load({ storage: "memory" });
  const { data } = await logins.begin("corp", PAGE);
  const { url } = await provider.visit(data?.url ?? "", person);
  expect((await logins.complete(url.href)).data?.user.email).toBe(person.email);
  expect(await logins.complete()).toMatchObject(FAILED);
});

test("a server without providers: the reason is graphql_validation_failed", async () => {
  load({ url: `${bare.url}/graphql` });
  expect((await logins.providers()).error?.reason).toBe("graphql_validation_failed");
  expect((await logins.begin("corp", PAGE)).error?.reason).toBe("graphql_validation_failed");
});
