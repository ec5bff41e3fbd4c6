import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { type AccountClient, createAccountClient } from "../../src/client/account.js";
import {
  type AuthClient,
  type AuthClientOptions,
  createAuthClient,
} from "../../src/client/index.js";
import { CookieJar } from "../support/cookie-jar.js";
import { eventually } from "../support/eventually.js";
import { FakeStorage, withGlobal } from "../support/fake-storage.js";
import { answerWith, FaultyProxy, LOSSES } from "../support/faulty-proxy.js";
import { PASSWORD, setUpGate } from "../support/gate.js";
import { MailServer, tokenIn } from "../support/mail-server.js";

const NEW_PASSWORD = "quiet orange bicycle lantern";
const MINUTE = 60;

const smtp = await MailServer.start();
const mail = { smtpUrl: smtp.url, mailFrom: "no-reply@example.com" };
const gate = setUpGate({ ...mail, emailVerification: "optional" });
const withCookie = setUpGate({ ...mail, emailVerification: "optional", refreshCookie: true });
const strict = setUpGate({ ...mail, emailVerification: "required" });
const bare = setUpGate({ registration: "closed", recovery: false });

let proxy: FaultyProxy;
let count = 0;
let username: string;
let email: string;
let auth: AuthClient;
let account: AccountClient;

beforeAll(async () => {
  proxy = await FaultyProxy.open(gate.url);
});

afterAll(async () => {
  await proxy.close();
  await smtp.close();
});

beforeEach(() => {
  proxy.reset();
  smtp.reset();
  count += 1;
  username = `user${count}`;
  email = `user${count}@example.com`;
  open();
});

afterEach(() => {
  auth.close();
});

/** Creates the clients of a page that has just loaded. */
function open(options: Partial<AuthClientOptions> = {}): void {
  auth = createAuthClient({ url: proxy.url, ...options });
  account = createAccountClient(auth);
}

/** Signs in a user of the gate. */
async function signIn(options: Partial<AuthClientOptions> = {}): Promise<void> {
  await gate.user(username, { email });
  open(options);
  expect((await auth.login(username, PASSWORD)).error).toBeNull();
}

const register = (password = PASSWORD) => account.register({ username, email, password });

/** Returns the user name that the server knows for the auth client's token. */
async function nameAtServer(): Promise<string | undefined> {
  return (await gate.me((await auth.getAuthorization()) ?? "")).data?.me.username;
}

describe("register", () => {
  test.each(["jwt", "token", "sliding"] as const)("signs in with scheme %s", async (scheme) => {
    open({ scheme });
    expect(await register()).toEqual({
      data: { message: expect.any(String), user: expect.objectContaining({ username }) },
      error: null,
    });
    expect(auth.getSession()).toMatchObject({ status: "authenticated", user: { username } });
    expect(await nameAtServer()).toBe(username);
  });

  test("signs in with storage localStorage: a reload and other tabs have the session", async () => {
    const restore = withGlobal("localStorage", new FakeStorage());
    const tab = createAuthClient({ url: proxy.url, storage: "localStorage" });
    try {
      open({ storage: "localStorage" });
      const changed = new Promise<void>((resolve) => void tab.subscribe(resolve));
      await register();
      await changed;
      expect(tab.getSession().user?.username).toBe(username);
      auth.close();
      open({ storage: "localStorage" });
      expect(auth.getSession().user?.username).toBe(username);
    } finally {
      tab.close();
      restore();
    }
  });

  test("signs in with storage cookie: the cookie has the session after a reload", async () => {
    const jar = new CookieJar();
    const options = {
      url: `${withCookie.url}/graphql`,
      storage: "cookie",
      fetch: jar.fetch,
    } as const;
    open(options);
    await register();
    expect(auth.getSession()).toMatchObject({ user: { username }, hasStorageFailed: false });
    auth.close();
    open(options);
    expect((await auth.refresh()).user?.username).toBe(username);

    expect((await account.deleteAccount()).error).toBeNull();
    expect(auth.getSession()).toMatchObject({ status: "anonymous", error: null });
    expect(jar.cookie).toBe("");
  });

  test("a session whose registration ends after a later logout is ended at the server", async () => {
    await signIn();
    count += 1;
    username = `user${count}`;
    email = `user${count}@example.com`;
    const registered = register();
    await auth.logout();
    expect((await registered).data?.user?.username).toBe(username);
    expect(auth.getSession().status).toBe("anonymous");
    expect(proxy.count("Logout")).toBe(2);
  });

  test("fails with the reason and the problems, and leaves the state as it was", async () => {
    await signIn();
    const before = auth.getSession();
    expect((await register()).error).toMatchObject({ reason: "username_taken" });
    username = "another-name";
    expect(await register("short")).toMatchObject({
      data: null,
      error: { reason: "password_too_weak", problems: expect.arrayContaining(["too_short"]) },
    });
    expect(auth.getSession()).toBe(before);
  });

  test("does not sign in before the user opens the mail, if the server requires that", async () => {
    open({ url: `${strict.url}/graphql` });
    expect(await register()).toMatchObject({ data: { user: null }, error: null });
    expect(auth.getSession()).toMatchObject({ status: "anonymous", error: null });
    expect(await auth.login(username, PASSWORD)).toMatchObject({
      error: { reason: "email_not_verified" },
    });
    const token = await smtp.tokenTo(email);
    expect((await account.verifyEmail("wrong")).error?.reason).toBe("mail_token_not_valid");
    expect((await account.verifyEmail(token)).error).toBeNull();
    expect((await auth.login(username, PASSWORD)).status).toBe("authenticated");
  });

  test("resendVerification sends a new link", async () => {
    open({ url: `${strict.url}/graphql` });
    await register();
    const first = await smtp.tokenTo(email);
    strict.advance(10 * MINUTE);
    expect((await account.resendVerification(email)).error).toBeNull();
    const [, second] = await smtp.mailsTo(email, 2);
    expect(tokenIn(second?.text)).not.toBe(first);
    expect((await account.verifyEmail(tokenIn(second?.text))).error).toBeNull();
  });
});

test("passwordPolicy lists the problems that a weak password can have", async () => {
  const { data } = await account.passwordPolicy();
  expect(data).toMatchObject({ minLength: expect.any(Number), maxLength: expect.any(Number) });
  expect(data?.problems).toContain("too_short");
});

test("a forgotten password is reset by the token of a mail, and all sessions end", async () => {
  await signIn();
  expect((await account.requestPasswordReset(email)).error).toBeNull();
  const { data } = await account.resetPassword(await smtp.tokenTo(email), NEW_PASSWORD);
  expect(data?.sessionsEnded).toBe(1);
  expect((await auth.login(username, PASSWORD)).error?.reason).toBe("invalid_credentials");
  expect((await auth.login(username, NEW_PASSWORD)).error).toBeNull();
});

describe("signed in", () => {
  test.each(["jwt", "sliding"] as const)(
    "changePassword ends the other sessions, and keeps the session of scheme %s",
    async (scheme) => {
      await signIn({ scheme });
      await gate.login(username);
      const { data, error } = await account.changePassword(PASSWORD, NEW_PASSWORD);
      expect([data?.sessionsEnded, error]).toEqual([1, null]);
      expect(await nameAtServer()).toBe(username);
      expect((await auth.refresh()).error).toBeNull();
      expect(await nameAtServer()).toBe(username);
      expect((await auth.login(username, NEW_PASSWORD)).error).toBeNull();
    },
  );

  test("a wrong or a weak password keeps the session, and is sent once", async () => {
    await signIn();
    const before = auth.getSession();
    const wrong = await account.changePassword("wrong", NEW_PASSWORD);
    expect(wrong.error?.reason).toBe("invalid_credentials");
    const weak = await account.changePassword(PASSWORD, "short");
    expect(weak.error).toMatchObject({ reason: "password_too_weak" });
    expect(weak.error?.problems).toContain("too_short");
    expect((await account.reauthenticate("wrong")).error?.reason).toBe("invalid_credentials");
    expect(auth.getSession()).toBe(before);
    expect(proxy.count("ChangePassword")).toBe(2);
    expect(proxy.count("Refresh")).toBe(0);
  });

  test("an expired access token is renewed, and the operation is sent again", async () => {
    await signIn();
    gate.advance(20 * MINUTE);
    const { data, error } = await account.reauthenticate(PASSWORD);
    expect(error).toBeNull();
    expect(data?.authenticatedAt).toBe(new Date(gate.now).toISOString());
    expect(proxy.seen.slice(1).map(({ operation }) => operation)).toEqual([
      "Reauthenticate",
      "Refresh",
      "Reauthenticate",
    ]);
  });

  test("an old login needs the password again, and the failure says how recent it must be", async () => {
    await signIn();
    gate.advance(20 * MINUTE);
    for (const attempt of [
      () => account.changeEmail(`new-${email}`),
      () => account.createToken({ label: "backup" }),
      () => account.deleteAccount(),
    ]) {
      expect((await attempt()).error).toMatchObject({
        reason: "reauthentication_required",
        freshWithin: "15m",
      });
    }
    expect(auth.getSession()).toMatchObject({ status: "authenticated", error: null });
    await account.reauthenticate(PASSWORD);

    expect((await account.changeEmail(`new-${email}`)).error).toBeNull();
    const token = await smtp.tokenTo(`new-${email}`);
    expect((await account.confirmEmailChange(token)).error).toBeNull();
    expect((await auth.emailLogin(`new-${email}`, PASSWORD)).error).toBeNull();
  });

  test("createToken returns a token that the API accepts", async () => {
    await signIn();
    const { data } = await account.createToken({ label: "backup", expiresInDays: 2 });
    expect(data?.session.label).toBe("backup");
    expect((await gate.me(`${data?.tokenType} ${data?.token}`)).data.me.username).toBe(username);
    expect(Date.parse(data?.expiresAt ?? "")).toBe(gate.now + 2 * 24 * 60 * MINUTE * 1000);
  });

  test.each(["jwt", "sliding"] as const)(
    "deleteAccount deletes the user of scheme %s, and signs out without an error",
    async (scheme) => {
      await signIn({ scheme });
      const authorization = await auth.getAuthorization();
      expect((await account.deleteAccount()).error).toBeNull();
      expect(auth.getSession()).toMatchObject({ status: "anonymous", error: null });
      expect((await gate.me(authorization ?? "")).code).toBe("UNAUTHENTICATED");
    },
  );

  test("deleteAccount does not sign out another user, who has signed in meanwhile", async () => {
    await gate.user("another-user");
    await signIn({
      fetch: async (input, init) => {
        const response = await fetch(input, init);
        const isDeletion = JSON.stringify(init?.body).includes("mutation DeleteAccount");
        if (isDeletion) await auth.login("another-user", PASSWORD);
        return response;
      },
    });
    expect((await account.deleteAccount()).error).toBeNull();
    expect(auth.getSession().user?.username).toBe("another-user");
  });

  test("a static token cannot change the account, and stays signed in", async () => {
    await signIn({ scheme: "token" });
    const before = auth.getSession();
    for (const attempt of [
      () => account.changePassword(PASSWORD, NEW_PASSWORD),
      () => account.createToken({ label: "backup" }),
      () => account.deleteAccount(),
    ]) {
      expect(await attempt()).toMatchObject({ data: null, error: { message: expect.any(String) } });
    }
    expect(auth.getSession()).toBe(before);
    expect(await nameAtServer()).toBe(username);
  });

  test("a session that the server ended is over, and the result has the reason", async () => {
    await signIn();
    await gate.logout({ authorization: (await auth.getAuthorization()) ?? "" });
    expect((await account.reauthenticate(PASSWORD)).error?.reason).toBe("token_revoked");
    expect(auth.getSession()).toMatchObject({
      status: "anonymous",
      error: { reason: "token_revoked" },
    });
  });
});

test("signed out, an operation that needs a user sends nothing", async () => {
  expect((await account.deleteAccount()).error?.reason).toBe("no_credentials");
  expect(proxy.seen).toEqual([]);
});

test("the methods work without their object", async () => {
  const { passwordPolicy } = account;
  expect((await passwordPolicy()).error).toBeNull();
});

describe("no method rejects", () => {
  /** Calls each method once. */
  const failures = async () => {
    const results = [
      await account.passwordPolicy(),
      await account.register({
        username: "new-name",
        email: "new@example.com",
        password: PASSWORD,
      }),
      await account.verifyEmail("token"),
      await account.resendVerification(email),
      await account.requestPasswordReset(email),
      await account.resetPassword("token", NEW_PASSWORD),
      await account.changePassword(PASSWORD, NEW_PASSWORD),
      await account.reauthenticate(PASSWORD),
      await account.changeEmail(`new-${email}`),
      await account.confirmEmailChange("token"),
      await account.deleteAccount(),
      await account.createToken({ label: "backup" }),
    ];
    return results.map(({ error }) => error?.reason);
  };

  test("if the network is down: the reason is offline, and the user stays signed in", async () => {
    let isAway = false;
    await signIn({
      fetch: (...request) =>
        isAway ? Promise.reject(new TypeError("Failed to fetch")) : fetch(...request),
    });
    isAway = true;
    expect(new Set(await failures())).toEqual(new Set(["offline"]));
    expect(auth.getSession()).toMatchObject({ status: "authenticated", error: null });
  });

  test("if the server lacks the fields: the reason is graphql_validation_failed", async () => {
    await bare.user(username);
    open({ url: `${bare.url}/graphql` });
    for (const result of [
      await account.passwordPolicy(),
      await account.register({ username, email, password: PASSWORD }),
      await account.requestPasswordReset(email),
    ]) {
      expect(result.error).toMatchObject({
        reason: "graphql_validation_failed",
        message: expect.stringContaining("Cannot query field"),
      });
    }
    await auth.login(username, PASSWORD);
    expect((await account.changePassword(PASSWORD, NEW_PASSWORD)).error?.reason).toBe(
      "graphql_validation_failed",
    );
    expect(auth.getSession()).toMatchObject({ status: "authenticated", error: null });
  });

  test("if the server throttles: the failure says when to try again", async () => {
    proxy.spoil(
      "RequestPasswordReset",
      answerWith(200, "THROTTLED", { reason: "throttled", retryAfter: 30 }),
    );
    expect((await account.requestPasswordReset(email)).error).toMatchObject({
      reason: "throttled",
      retryAfter: 30,
    });
  });

  test.each(Object.entries(LOSSES))("after a response %s", async (_, loss) => {
    await gate.user(username, { email });
    open({ timeout: 0.8 });
    // A busy machine may need more time for a login.
    await eventually(async () => (await auth.login(username, PASSWORD)).error === null);
    proxy.spoil("CreateToken", loss);
    const { error } = await account.createToken({ label: "backup" });
    expect(error?.reason).toMatch(/^(offline|bad_answer|internal_server_error)$/);
    // A second attempt could make a second token.
    expect(proxy.count("CreateToken")).toBe(1);
  });
});
