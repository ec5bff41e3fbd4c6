import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { createLoginCodes, type LoginCodes } from "../../src/client/account.js";
import {
  type AuthClient,
  type AuthClientOptions,
  createAuthClient,
} from "../../src/client/index.js";
import { FakeAsyncStorage, FakeStorage, withGlobal } from "../support/fake-storage.js";
import { setUpGate } from "../support/gate.js";
import { MailServer } from "../support/mail-server.js";

const smtp = await MailServer.start();
const gate = setUpGate({
  ...{ smtpUrl: smtp.url, mailFrom: "no-reply@example.com", loginCodes: true },
  publicUrl: "https://shop.example.com",
});
const bare = setUpGate();

let count = 0;
let username: string;
let email: string;
let local: FakeStorage;
let restore: (() => void)[];
let clients: AuthClient[];
let auth: AuthClient;
let codes: LoginCodes;

beforeAll(() => gate.user("other", { email: "other@example.com" }));

beforeEach(async () => {
  count += 1;
  username = `user${count}`;
  email = `user${count}@example.com`;
  await gate.user(username, { email });
  smtp.reset();
  local = new FakeStorage();
  restore = [withGlobal("localStorage", local)];
  clients = [];
  open();
});

afterEach(() => {
  for (const client of clients) client.close();
  for (const undo of restore.reverse()) undo();
});

afterAll(() => smtp.close());

/** Opens a tab of this browser, or of a React Native app. */
function open(options: Partial<AuthClientOptions> = {}): void {
  auth = createAuthClient({ url: `${gate.url}/graphql`, storage: "localStorage", ...options });
  codes = createLoginCodes(auth);
  clients.push(auth);
}

/** Requests a code, and reads it in the mail. */
async function receive(): Promise<{ digits: string; link: string }> {
  const before = await smtp.mailsTo(email, 0);
  expect((await codes.request(email)).error).toBeNull();
  const mail = (await smtp.mailsTo(email, before.length + 1)).at(-1);
  const digits = /^\d{6}$/m.exec(mail?.text ?? "")?.[0] ?? "";
  const link = /\?token=([\w-]{43})$/m.exec(mail?.text ?? "")?.[1] ?? "";
  return { digits, link };
}

test("the digits sign the user in, in all tabs, and only the session stays in the browser", async () => {
  const tab = auth;
  open();
  const changed = new Promise<void>((resolve) => void tab.subscribe(resolve));
  const { digits } = await receive();
  expect(await codes.pending()).toEqual({ email, expiresAt: expect.any(String) });
  const { data, error } = await codes.login(digits);
  expect([data?.username, error]).toEqual([username, null]);
  expect(auth.getSession()).toMatchObject({ status: "authenticated", user: { username } });
  await changed;
  expect(tab.getSession().user?.username).toBe(username);
  expect(await codes.pending()).toBeNull();
  expect(local.entries.size).toBe(1);
});

test("the link signs the user in, in another tab of the browser that asked", async () => {
  const { link } = await receive();
  open();
  expect((await codes.login(link)).data?.username).toBe(username);
});

test("the link of an earlier mail still works after a request that sends no mail", async () => {
  const { link } = await receive();
  expect((await codes.request(email)).error).toBeNull();
  expect((await codes.login(link)).data?.username).toBe(username);
});

test("in another browser the link sends nothing, and the digits work with the address", async () => {
  const { digits, link } = await receive();
  local.entries.clear();
  open({ fetch: () => Promise.reject(new Error("a request was sent")) });
  expect((await codes.login(link)).error?.reason).toBe("code_not_valid");
  open();
  expect((await codes.login(link, email)).error?.reason).toBe("code_not_valid");
  expect((await codes.login(digits, email)).data?.username).toBe(username);
});

test("a wrong code leaves the state and the pending code as they were", async () => {
  const { digits } = await receive();
  const before = auth.getSession();
  const wrong = digits === "000000" ? "000001" : "000000";
  expect((await codes.login(wrong)).error?.reason).toBe("code_not_valid");
  expect(auth.getSession()).toBe(before);
  expect((await codes.login(digits)).error).toBeNull();
});

test("a request for another address replaces the pending code, and gets its own proof", async () => {
  await codes.request("other@example.com");
  const [[, first] = []] = [...local.entries];
  const { link } = await receive();
  const [[, second] = []] = [...local.entries];
  expect(JSON.parse(second ?? "").proof).not.toBe(JSON.parse(first ?? "").proof);
  expect((await codes.login(link)).data?.username).toBe(username);
});

test.each([
  ["without localStorage", () => undefined],
  ["with a full localStorage", () => (local.isFull = true)],
  ["with a forbidden localStorage", () => (local.isForbidden = true)],
])("%s, the page itself remembers the code", async (_how, spoil) => {
  spoil();
  if (_how.startsWith("without")) restore.push(withGlobal("localStorage", undefined));
  open({ storage: "memory" });
  const { link } = await receive();
  expect(await codes.pending()).toMatchObject({ email });
  expect((await codes.login(link)).data?.username).toBe(username);
});

test("in React Native, the link works after the app was started again", async () => {
  const storage = new FakeAsyncStorage(new FakeStorage());
  open({ storage });
  const { link } = await receive();
  open({ storage });
  expect((await codes.login(link)).data?.username).toBe(username);
  expect(local.entries.size).toBe(0);
});

test("a server without login codes: the reason is graphql_validation_failed", async () => {
  open({ url: `${bare.url}/graphql` });
  expect((await codes.request(email)).error?.reason).toBe("graphql_validation_failed");
  expect((await codes.login("123456", email)).error?.reason).toBe("graphql_validation_failed");
  expect(auth.getSession()).toMatchObject({ status: "anonymous", error: null });
});
