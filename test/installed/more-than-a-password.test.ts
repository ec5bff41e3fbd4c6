import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { Authenticator } from "../features/passkeys/authenticator.js";
import { eventually } from "../support/eventually.js";
import { runNode, startNode, waitForLine } from "../support/node-process.js";
import { codeAt, STEP } from "../support/totp.js";
import { APP, CLI } from "./app.js";

const PASSWORD = "correct horse battery staple";
const PROJECT = join(APP, "more-than-a-password");
const EMAIL = "bob@example.com";

const env = {
  PORT: "0",
  SECOND_FACTOR: "optional",
  PASSKEYS: "on",
  LOGIN_CODES: "on",
};

let server: ReturnType<typeof startNode> | undefined;
let url: string;

beforeAll(async () => {
  await mkdir(PROJECT);
  await gatehouse("create-user", "ada", "--password-stdin");
  await gatehouse("create-user", "bob", "--email", EMAIL, "--password-stdin");
  server = startNode([CLI, "serve"], { cwd: PROJECT, env });
  [, url = ""] = await waitForLine(server.child, /(http:\S+)\/graphql/);
});

afterAll(async () => {
  server?.child.kill();
  await server?.ended;
});

test("a code of an app, a recovery code and a passkey are the second step of a login", async () => {
  const authorization = await signIn();
  const { secret } = await ask("mutation { beginTotp { secret } }", { authorization });
  const { recoveryCodes } = await ask(
    `mutation ($code: String!) { confirmTotp(code: $code) { recoveryCodes } }`,
    { code: codeAt(secret, Date.now()), authorization },
  );
  expect(recoveryCodes).toHaveLength(10);

  // Each code works once. The next one is accepted 30 seconds early.
  const next = codeAt(secret, Date.now() + STEP * 1000);
  const byApp = await complete({ totp: next });
  expect(byApp.session.methods).toEqual(["pwd", "otp", "mfa"]);
  expect(await complete({ totp: next })).toMatchObject({ reason: "code_not_valid" });
  const [recoveryCode] = recoveryCodes;
  expect((await complete({ recoveryCode })).session.methods).toEqual(["pwd", "otp", "mfa"]);
  expect(await complete({ recoveryCode })).toMatchObject({ reason: "code_not_valid" });

  const device = new Authenticator();
  // In development, passkeys belong to localhost.
  const page = { origin: url.replace("127.0.0.1", "localhost") };
  const session = { authorization: `Bearer ${byApp.access}` };
  const creation = await ask("mutation { beginPasskeyRegistration { options } }", session);
  const added = await ask(
    `mutation ($response: JSON!) { addPasskey(label: "Laptop", response: $response) { passkey { label } } }`,
    { response: device.create(creation.options, page), ...session },
  );
  expect(added.passkey).toEqual({ label: "Laptop" });
  const useDevice = async () => {
    const { options } = await ask("mutation { beginPasskeyLogin { options } }");
    return device.get(options, page);
  };
  const byPasskey = await ask(
    `mutation ($response: JSON!) { passkeyLogin(response: $response) { user { username } session { methods } } }`,
    { response: await useDevice() },
  );
  expect(byPasskey).toEqual({
    user: { username: "ada" },
    session: { methods: ["hwk", "user", "mfa"] },
  });
  const both = await complete({ passkey: await useDevice() });
  expect(both.session.methods).toEqual(["pwd", "hwk", "user", "mfa"]);
});

test("a code of a mail logs in", async () => {
  const { message } = await ask(
    `mutation ($email: String!) { requestLoginCode(email: $email) { message } }`,
    { email: EMAIL },
  );
  expect(message).toEqual(expect.any(String));
  const { user, session } = await ask(
    `mutation ($email: String!, $code: String!) {
      loginWithCode(email: $email, code: $code) { user { username } session { methods } }
    }`,
    { email: EMAIL, code: await readCode() },
  );
  expect([user, session]).toEqual([{ username: "bob" }, { methods: ["otp"] }]);
});

/** Runs the packed command with {@link PASSWORD} on its standard input. */
async function gatehouse(...parameters: string[]): Promise<void> {
  const { code, stderr } = await runNode([CLI, ...parameters], {
    cwd: PROJECT,
    env,
    input: PASSWORD,
  });
  if (code !== 0) throw new Error(stderr);
}

/** Sends an operation, and returns the value of its only field, or the extensions of its error. */
async function ask(
  query: string,
  { authorization = "", ...variables }: { authorization?: string } & Record<string, unknown> = {},
): Promise<any> {
  const response = await fetch(`${url}/graphql`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...(authorization !== "" && { authorization }),
    },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = (await response.json()) as any;
  return errors ? errors[0].extensions : Object.values(data)[0];
}

const LOGIN = `mutation ($password: String!) { login(username: "ada", password: $password) { access } }`;

/** Logs in by the password, and returns the `Authorization` header of the session. */
async function signIn(): Promise<string> {
  const { access } = await ask(LOGIN, { password: PASSWORD });
  return `Bearer ${access}`;
}

/** Logs in by the password and a second factor. */
async function complete(answer: object): Promise<any> {
  const { challenge } = await ask(LOGIN, { password: PASSWORD });
  return ask(
    `mutation ($challenge: String!, $totp: String, $recoveryCode: String, $passkey: JSON) {
      completeLogin(challenge: $challenge, totp: $totp, recoveryCode: $recoveryCode, passkey: $passkey) {
        access session { methods }
      }
    }`,
    { challenge: challenge.token, ...answer },
  );
}

/** Waits for the mail, which is a file on loopback, and returns its six digits. */
async function readCode(): Promise<string> {
  const folder = join(PROJECT, "data/mail");
  let code: string | undefined;
  await eventually(async () => {
    const names = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith(".eml"));
    const mails = await Promise.all(names.map((name) => readFile(join(folder, name), "utf8")));
    code = /^\d{6}\r?$/m.exec(mails.join("\n"))?.[0].trim();
    return code !== undefined;
  });
  return code ?? "";
}
