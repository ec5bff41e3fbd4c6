import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import {
  createAccountClient,
  createPasskeys,
  createSecondFactor,
  type Passkeys,
} from "../../src/client/account.js";
import { type AuthClient, createAuthClient } from "../../src/client/index.js";
import { Authenticator } from "../features/passkeys/authenticator.js";
import { eventually } from "../support/eventually.js";
import { withGlobal } from "../support/fake-storage.js";
import { PASSWORD, setUpGate } from "../support/gate.js";

/** The page that the authenticator says it is used on. */
const PAGE = "https://app.example.com";

const gate = setUpGate({
  ...{ passkeys: true, secondFactor: "optional" },
  ...{ publicUrl: "https://auth.example.com", corsOrigins: [PAGE], rpId: "example.com" },
});

let count = 0;
let username: string;
let auth: AuthClient;
let passkeys: Passkeys;
let authenticator: Authenticator;
/** The arguments of `navigator.credentials.get`. */
let asked: Record<string, unknown>[];
/** The arguments of `signalAllAcceptedCredentials`. */
let signalled: object[];
/** Whether the user closes the browser's dialog. */
let isClosed: boolean;
let restore: (() => void)[];

beforeEach(async () => {
  count += 1;
  username = `user${count}`;
  await gate.user(username);
  authenticator = new Authenticator();
  asked = [];
  signalled = [];
  isClosed = false;
  const parse = (options: object) => options;
  const respond = (make: () => object) =>
    isClosed
      ? Promise.reject(new DOMException("The user closed the dialog.", "NotAllowedError"))
      : Promise.resolve({ toJSON: make });
  restore = [
    withGlobal("PublicKeyCredential", {
      parseCreationOptionsFromJSON: parse,
      parseRequestOptionsFromJSON: parse,
      isConditionalMediationAvailable: () => Promise.resolve(true),
      signalAllAcceptedCredentials: (accepted: object) => {
        signalled.push(accepted);
        return Promise.resolve();
      },
    }),
    withGlobal("navigator", {
      credentials: {
        create: ({ publicKey }: any) => respond(() => authenticator.create(publicKey)),
        get: (options: any) => {
          asked.push(options);
          return respond(() => authenticator.get(options.publicKey));
        },
      },
    }),
  ];
  open();
});

afterEach(() => {
  auth.close();
  for (const undo of restore.reverse()) undo();
});

function open(send: typeof fetch = fetch): void {
  auth = createAuthClient({ url: `${gate.url}/graphql`, fetch: send });
  passkeys = createPasskeys(auth);
}

async function add(): Promise<void> {
  await auth.login(username, PASSWORD);
  const { data, error } = await passkeys.add("Laptop");
  expect([data?.passkey.label, data?.recoveryCodes?.length, error]).toEqual(["Laptop", 10, null]);
}

test("a passkey is added, listed, renamed and removed, and the browser learns which ones still work", async () => {
  await add();
  const [passkey] = (await passkeys.list()).data ?? [];
  expect(passkey).toMatchObject({ label: "Laptop", lastUsedAt: null });
  expect((await passkeys.rename(passkey?.id ?? "", "Work laptop")).error).toBeNull();
  expect((await passkeys.list()).data).toMatchObject([{ label: "Work laptop" }]);
  expect((await passkeys.remove(passkey?.id ?? "")).error).toBeNull();
  expect((await passkeys.list()).data).toEqual([]);
  expect(signalled).toEqual([
    { rpId: "example.com", userId: expect.any(String), allAcceptedCredentialIds: [] },
  ]);
});

test("a passkey logs in, without a user name and a second step", async () => {
  await add();
  open();
  expect(passkeys.isSupported()).toBe(true);
  expect((await passkeys.login()).data?.username).toBe(username);
  expect(auth.getSession()).toMatchObject({ status: "authenticated", user: { username } });
});

describe("autofill", () => {
  /** Counts the requests, and shortens the life of each challenge to 20 milliseconds. */
  let begun: number;

  const shortenChallenges: typeof fetch = async (input, init) => {
    const response = await fetch(input, init);
    begun += 1;
    return new Response((await response.text()).replace(`"timeout":300000`, `"timeout":20`));
  };

  /** Replaces `navigator.credentials.get` by one that waits until the call is aborted. */
  function ignoreOffers(): void {
    const get = (options: { signal: AbortSignal }) => {
      asked.push(options);
      return new Promise((_resolve, reject) => {
        options.signal.throwIfAborted();
        options.signal.addEventListener("abort", () => {
          reject(options.signal.reason as Error);
        });
      });
    };
    restore.push(withGlobal("navigator", { credentials: { get } }));
  }

  beforeEach(async () => {
    await add();
    begun = 0;
    open(shortenChallenges);
  });

  test("logs in with the passkey that the user chooses in the list of a field", async () => {
    const { data } = await passkeys.autofill(new AbortController().signal);
    expect(data?.username).toBe(username);
    expect(asked).toMatchObject([{ mediation: "conditional", signal: { aborted: false } }]);
  });

  test("begins again before the challenge expires, until it is aborted", async () => {
    ignoreOffers();
    const page = new AbortController();
    const offer = passkeys.autofill(page.signal);
    await eventually(() => begun > 2);
    page.abort();
    expect((await offer).error?.reason).toBe("passkey_aborted");
    expect(new Set(asked.map(({ publicKey }: any) => publicKey.challenge)).size).toBe(begun);
    const before = begun;
    await sleep(50);
    expect(begun).toBe(before);
  });

  test("sends nothing if it is aborted at once, as a page does that is drawn twice", async () => {
    ignoreOffers();
    const page = new AbortController();
    const offer = passkeys.autofill(page.signal);
    page.abort();
    expect((await offer).error?.reason).toBe("passkey_aborted");
    expect(begun).toBe(0);
  });

  test("sends nothing while the page is hidden, such as in a forgotten tab", async () => {
    ignoreOffers();
    const tab = Object.assign(new EventTarget(), { visibilityState: "hidden" });
    const turn = (visibilityState: string) => {
      tab.visibilityState = visibilityState;
      tab.dispatchEvent(new Event("visibilitychange"));
    };
    restore.push(withGlobal("document", tab));
    const page = new AbortController();
    const offer = passkeys.autofill(page.signal);
    await sleep(50);
    expect(begun).toBe(0);
    turn("visible");
    await eventually(() => begun > 0);
    turn("hidden");
    await eventually(() => asked.length === begun && (asked.at(-1) as any).signal.aborted);
    const before = begun;
    await sleep(50);
    expect(begun).toBe(before);
    page.abort();
    expect((await offer).error?.reason).toBe("passkey_aborted");
  });

  test("tells the user nothing if the server cannot begin", async () => {
    open(() => Promise.reject(new TypeError("offline")));
    const { error } = await passkeys.autofill(new AbortController().signal);
    expect(error?.reason).toBe("passkey_aborted");
  });
});

test("a passkey completes a login by password, and later proves the user again", async () => {
  await add();
  open();
  await auth.login(username, PASSWORD);
  const challenge = auth.getSession().error?.challenge;
  expect(challenge?.factors).toContain("passkey");
  const { data } = await passkeys.prove(challenge);
  const allowed = authenticator.credentials.map(({ id }) => ({ id, type: "public-key" }));
  expect(asked).toMatchObject([{ publicKey: { allowCredentials: allowed } }]);
  const state = await createSecondFactor(auth).completeLogin({ passkey: data ?? {} });
  expect(state).toMatchObject({ status: "authenticated", error: null });
  const again = await passkeys.prove();
  const proof = { passkey: again.data ?? {} };
  expect((await createAccountClient(auth).reauthenticate(proof)).error).toBeNull();
});

test("if the user closes the dialog, the reason is passkey_aborted, and the state stays", async () => {
  await auth.login(username, PASSWORD);
  const before = auth.getSession();
  isClosed = true;
  for (const result of [await passkeys.login(), await passkeys.add("x"), await passkeys.prove()]) {
    expect(result.error).toMatchObject({
      reason: "passkey_aborted",
      message: expect.stringContaining("NotAllowedError"),
    });
  }
  expect(auth.getSession()).toBe(before);
});

test("a browser without passkeys says so", async () => {
  restore.push(withGlobal("PublicKeyCredential", undefined));
  expect(passkeys.isSupported()).toBe(false);
  expect((await passkeys.login()).error?.reason).toBe("passkey_aborted");
  expect((await passkeys.autofill(new AbortController().signal)).error?.reason).toBe(
    "passkey_aborted",
  );
});
