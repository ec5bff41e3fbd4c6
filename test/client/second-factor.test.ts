import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import {
  type AccountClient,
  createAccountClient,
  createLoginCodes,
  createSecondFactor,
  createStepUp,
  type SecondFactorClient,
} from "../../src/client/account.js";
import {
  type AuthClient,
  type AuthClientOptions,
  createAuthClient,
} from "../../src/client/index.js";
import { type Enrolled, enrolled, newName, notThe } from "../features/second-factor/calls.js";
import { FakeStorage, withGlobal } from "../support/fake-storage.js";
import { PASSWORD, setUpGate } from "../support/gate.js";
import { MailServer } from "../support/mail-server.js";
import { codeAt, STEP } from "../support/totp.js";

const MINUTE = 60;
const smtp = await MailServer.start();
const gate = setUpGate({
  ...{ secondFactor: "optional", loginCodes: true, impersonation: true },
  ...{ smtpUrl: smtp.url, mailFrom: "no-reply@example.com" },
  publicUrl: "https://shop.example.com",
});

let user: Enrolled;
let email: string;
let restore: () => void;
let clients: AuthClient[];
let auth: AuthClient;
let account: AccountClient;
let factors: SecondFactorClient;

beforeEach(async () => {
  email = `${newName()}@example.com`;
  user = await enrolled(gate, { email });
  restore = withGlobal("localStorage", new FakeStorage());
  clients = [];
  open();
});

afterEach(() => {
  for (const client of clients) client.close();
  restore();
});

afterAll(() => smtp.close());

function open(options: Partial<AuthClientOptions> = {}): void {
  auth = createAuthClient({ url: `${gate.url}/graphql`, storage: "localStorage", ...options });
  account = createAccountClient(auth);
  factors = createSecondFactor(auth);
  clients.push(auth);
}

/** Logs in by password. The server refuses that with a challenge. */
async function beginLogin(): Promise<void> {
  const { status, error } = await auth.login(user.name, PASSWORD);
  expect([status, error?.reason]).toEqual(["anonymous", "second_factor_required"]);
}

/** Logs in by password and code. Then moves the clock, so that the app shows another code. */
async function signIn(): Promise<void> {
  await beginLogin();
  expect((await factors.completeLogin({ totp: user.code() })).error).toBeNull();
  gate.advance(STEP);
}

describe("a login that needs a second step", () => {
  test("has the challenge in the state, and an answer signs the user in, in all tabs", async () => {
    const tab = auth;
    open();
    await beginLogin();
    const challenge = auth.getSession().error?.challenge;
    expect(challenge).toEqual({
      token: expect.any(String),
      factors: ["totp", "recoveryCode"],
      expiresAt: new Date(gate.now + 5 * MINUTE * 1000).toISOString(),
    });
    const changed = new Promise<void>((resolve) => void tab.subscribe(resolve));
    const state = await factors.completeLogin({ totp: user.code() });
    expect(state).toMatchObject({ status: "authenticated", user: { id: user.id }, error: null });
    expect((await gate.me(state.authorization ?? "")).data.me.id).toBe(user.id);
    await changed;
    expect(tab.getSession().user?.id).toBe(user.id);
  });

  test.each(["token", "sliding"] as const)("opens a session of scheme %s", async (scheme) => {
    open({ scheme });
    await beginLogin();
    const [recoveryCode = ""] = user.recoveryCodes;
    expect((await factors.completeLogin({ recoveryCode })).status).toBe("authenticated");
    expect(auth.isRenewalDue()).toBe(false);
  });

  test("by a code of a mail also has the challenge in the state", async () => {
    const codes = createLoginCodes(auth);
    await codes.request(email);
    // The other mail is about the new factor.
    const texts = (await smtp.mailsTo(email, 2)).map(({ text }) => text);
    const { error } = await codes.login(/^\d{6}$/m.exec(texts.join("\n"))?.[0] ?? "");
    expect(error?.reason).toBe("second_factor_required");
    expect(auth.getSession().error).toEqual(error);
    expect(await codes.pending()).toBeNull();
    expect((await factors.completeLogin({ totp: user.code() })).status).toBe("authenticated");
  });

  test("an answer that is sent twice, by a second click, signs in once", async () => {
    await beginLogin();
    const answer = { totp: user.code() };
    const states = await Promise.all([
      factors.completeLogin(answer),
      factors.completeLogin(answer),
    ]);
    expect(states.map(({ status }) => status)).toEqual(["authenticated", "authenticated"]);
    expect((await gate.me(states[0].authorization ?? "")).data.me.id).toBe(user.id);
  });

  test("a wrong answer keeps the challenge, with its own reason", async () => {
    await beginLogin();
    const challenge = auth.getSession().error?.challenge;
    const wrong = await factors.completeLogin({ totp: notThe(user.code()) });
    expect(wrong).toMatchObject({ status: "anonymous", error: { reason: "code_not_valid" } });
    expect(wrong.error?.challenge).toEqual(challenge);
    expect((await factors.completeLogin({ totp: user.code() })).error).toBeNull();
  });

  test.each([
    [
      "challenge_expired",
      () => {
        gate.advance(5 * MINUTE);
        return Promise.resolve();
      },
    ],
    [
      "challenge_not_valid",
      async () => {
        for (let tries = 1; tries <= 5; tries += 1)
          await factors.completeLogin({ totp: notThe(user.code(), tries) });
      },
    ],
  ])("an answer that is refused as %s drops the challenge", async (reason, spoil) => {
    await beginLogin();
    await spoil();
    const { error } = await factors.completeLogin({ totp: user.code() });
    expect([error?.reason, error?.challenge]).toEqual([reason, undefined]);
  });

  test("can be cancelled, and an answer without a challenge sends nothing", async () => {
    await beginLogin();
    factors.cancelLogin();
    expect(auth.getSession()).toMatchObject({ status: "anonymous", error: null });
    open({ fetch: () => Promise.reject(new Error("a request was sent")) });
    const { error } = await factors.completeLogin({ totp: user.code() });
    expect(error?.reason).toBe("challenge_not_valid");
  });

  test("keeps the session of another user until it is complete", async () => {
    const other = newName();
    await gate.user(other);
    await auth.login(other, PASSWORD);
    const { user: before, error } = await auth.login(user.name, PASSWORD);
    expect([before?.username, error?.reason]).toEqual([other, "second_factor_required"]);
    expect((await factors.completeLogin({ totp: user.code() })).user?.id).toBe(user.id);
  });

  test("another login replaces the challenge", async () => {
    await beginLogin();
    const { error } = await auth.login(user.name, "wrong");
    expect([error?.reason, error?.challenge]).toEqual(["invalid_credentials", undefined]);
  });
});

describe("the second factors of a user", () => {
  test("are added, replaced and removed", async () => {
    const name = newName();
    await gate.user(name);
    await auth.login(name, PASSWORD);
    expect((await factors.state()).data).toEqual({
      ...{ factors: [], recoveryCodesLeft: 0, isRequired: false },
    });
    const { secret = "", qr } = (await factors.beginTotp()).data ?? {};
    expect(qr).toMatch(/^<svg/);
    const wrong = await factors.confirmTotp(notThe(codeAt(secret, gate.now)));
    expect(wrong.error?.reason).toBe("code_not_valid");
    const { data } = await factors.confirmTotp(codeAt(secret, gate.now));
    expect(data?.recoveryCodes).toHaveLength(10);
    expect((await factors.state()).data?.factors).toEqual(["totp", "recoveryCode"]);
    const { data: renewed } = await factors.regenerateRecoveryCodes();
    expect(renewed?.recoveryCodes).not.toEqual(data?.recoveryCodes);
    expect((await factors.disableTotp()).error).toBeNull();
    expect((await factors.state()).data?.factors).toEqual([]);
    expect(auth.getSession()).toMatchObject({ status: "authenticated", error: null });
  });
});

describe("RFC 9470: an operation that needs another proof", () => {
  /** Gives the proof that the failure asks for. */
  const prove = async () => (await account.reauthenticate({ totp: user.code() })).error === null;

  test("fails, and names the needed proof, if nobody asks the user", async () => {
    await signIn();
    gate.advance(20 * MINUTE);
    expect((await account.createToken({ label: "x" })).error).toMatchObject({
      ...{ reason: "reauthentication_required", freshWithin: "15m" },
    });
    await account.reauthenticate(PASSWORD);
    const { error } = await factors.regenerateRecoveryCodes();
    expect(error?.reason).toBe("reauthentication_required");
    expect(error?.acrValues).toMatch(/multi-factor$/);
  });

  test("asks the user, and is repeated once", async () => {
    await signIn();
    gate.advance(20 * MINUTE);
    const asked: unknown[] = [];
    createStepUp(auth, async (failure) => {
      asked.push(failure.reason);
      return prove();
    });
    expect((await factors.regenerateRecoveryCodes()).data?.recoveryCodes).toHaveLength(10);
    expect(asked).toEqual(["reauthentication_required"]);
  });

  test("is not repeated if the user declines, and only once if the proof is too weak", async () => {
    await signIn();
    gate.advance(20 * MINUTE);
    const declined = createStepUp(auth, () => Promise.resolve(false));
    expect((await factors.disableTotp()).error?.reason).toBe("reauthentication_required");
    declined.close();
    let questions = 0;
    createStepUp(auth, async () => {
      questions += 1;
      return (await account.reauthenticate(PASSWORD)).error === null;
    });
    expect((await factors.disableTotp()).error?.reason).toBe("reauthentication_required");
    expect(questions).toBe(1);
  });

  test("is not repeated for another user, who signed in while the first one was asked", async () => {
    await signIn();
    gate.advance(20 * MINUTE);
    const other = newName();
    const id = await gate.user(other);
    createStepUp(auth, async () => {
      await auth.login(other, PASSWORD);
      return true;
    });
    expect((await account.deleteAccount()).error?.reason).toBe("reauthentication_required");
    expect(auth.getSession().user?.id).toBe(id);
    expect((await gate.me(auth.getSession().authorization ?? "")).data.me.id).toBe(id);
  });

  test("asks once together with operations that are refused at the same time", async () => {
    await signIn();
    gate.advance(20 * MINUTE);
    let questions = 0;
    const { run } = createStepUp(auth, async () => {
      questions += 1;
      return prove();
    });
    const results = await Promise.all([
      account.createToken({ label: "one" }),
      run(() => account.createToken({ label: "two" })),
    ]);
    expect(results.map(({ error }) => error)).toEqual([null, null]);
    expect(questions).toBe(1);
  });

  test("sent by fetch asks and is repeated, and any other response is returned unchanged", async () => {
    await signIn();
    gate.advance(20 * MINUTE);
    let questions = 0;
    const { fetch: send } = createStepUp(auth, async () => {
      questions += 1;
      return prove();
    });
    const post = (query: string) => {
      const body = JSON.stringify({ query });
      const headers = { "content-type": "application/json" };
      return new Request(`${gate.url}/graphql`, { method: "POST", headers, body });
    };
    const me = await send(post("{ me { id } }"));
    expect(await me.json()).toEqual({ data: { me: { id: user.id } } });
    expect(questions).toBe(0);
    const deleted = await send(post("mutation { deleteAccount { message } }"));
    expect(await deleted.json()).toMatchObject({ data: { deleteAccount: {} } });
    expect(questions).toBe(1);
  });

  test("sent by fetch to an origin that does not get the token asks nothing, whatever it answers", async () => {
    await signIn();
    const refusal = { extensions: { code: "FORBIDDEN", reason: "reauthentication_required" } };
    const body = JSON.stringify({ errors: [{ message: "Your password?", ...refusal }] });
    const server = createServer((_request, response) => {
      response.setHeader("content-type", "application/json").end(body);
    });
    await once(server.listen(0, "127.0.0.1"), "listening");
    const foreign = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    let questions = 0;
    const { fetch: send } = createStepUp(auth, () => {
      questions += 1;
      return Promise.resolve(true);
    });
    for (const input of [foreign, new URL(foreign), new Request(foreign)]) {
      expect(await (await send(input)).text()).toBe(body);
    }
    server.closeAllConnections();
    server.close();
    expect(questions).toBe(0);
  });

  test("sent by fetch as a stream does not ask, because it cannot be repeated", async () => {
    await signIn();
    gate.advance(20 * MINUTE);
    await auth.refresh();
    const { fetch: send } = createStepUp(auth, () => Promise.reject(new Error("asked")));
    const body = new Blob([JSON.stringify({ query: "mutation { deleteAccount { message } }" })]);
    const response = await send(`${gate.url}/graphql`, {
      ...{ method: "POST", headers: { "content-type": "application/json" } },
      ...{ body: body.stream(), duplex: "half" },
    });
    expect(await response.text()).toContain("reauthentication_required");
  });
});
