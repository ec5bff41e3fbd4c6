import { randomBytes } from "node:crypto";
import { afterAll, beforeEach, expect, test } from "@jest/globals";
import { describeGates, type Gate, PASSWORD } from "../../support/gate.js";
import { MailServer } from "../../support/mail-server.js";
import { STEP } from "../../support/totp.js";
import { answered, complete as completeExternal, logIn } from "../external-login/calls.js";
import { IdentityServer, PAGE } from "../external-login/identity-server.js";
import { call } from "../rest-bridge/calls.js";
import {
  challengeOf,
  complete,
  type Enrolled,
  enrolled,
  login,
  newName,
  tokenIn,
} from "./calls.js";

const REFUSED = { status: 401, reason: "second_factor_required", data: null };
const NEW_PASSWORD = "another long and unused phrase";

const smtp = await MailServer.start();
const server = await IdentityServer.start();

const options = {
  ...{ smtpUrl: smtp.url, mailFrom: "no-reply@example.com", publicUrl: "https://shop.example.com" },
  ...{ loginCodes: true, restBridge: true, jwtIssuer: "gatehouse" },
  secondFactor: "optional",
  corsOrigins: [new URL(PAGE).origin],
  externalProviders: { corp: server.client },
} as const;

beforeEach(() => {
  smtp.reset();
  server.reset();
});

afterAll(async () => {
  await server.close();
  await smtp.close();
});

describeGates(options, (gate) => {
  let ada: Enrolled;
  let email: string;

  beforeEach(async () => {
    email = `${newName()}@example.com`;
    ada = await enrolled(gate, { email });
    await smtp.mailsTo(email, 1);
  });

  const sessions = async () => (await gate.auth.sessions.list(ada.id)).length;

  test("MF-5: a login by e-mail address is refused", async () => {
    const answer = await gate.ask(
      `mutation { emailLogin(email: "${email}", password: "${PASSWORD}") { access } }`,
    );
    expect(answer).toMatchObject(REFUSED);
    expect(await sessions()).toBe(1);
  });

  test("MF-5: a login by the code of a mail is refused, and can be completed by an app", async () => {
    await gate.ask(`mutation { requestLoginCode(email: "${email}") { proof } }`);
    await gate.auth.mail.idle();
    const mails = await smtp.mailsTo(email, 2);
    const code = /^\d{6}$/m.exec(mails.at(-1)?.text ?? "")?.[0] ?? "";
    const send = () =>
      gate.ask(`mutation { loginWithCode(email: "${email}", code: "${code}") { access } }`);
    const answer = await send();
    expect(answer).toMatchObject(REFUSED);
    expect((await send()).reason).toBe("code_not_valid");
    expect(await sessions()).toBe(1);
    const { data } = await complete(gate, tokenIn(answer), { totp: ada.code() });
    expect(data.completeLogin.session.methods).toEqual(["otp", "mfa"]);
  });

  test("MF-5: a login at another provider is refused, and can be completed by an app", async () => {
    const person = { sub: ada.id, email, email_verified: true };
    const linked = await logIn(gate, server, person, { authorization: ada.authorization });
    expect(linked.status).toBe(200);
    const given = await answered(gate, server, person);
    const answer = await completeExternal(gate, given);
    expect(answer).toMatchObject(REFUSED);
    expect(await sessions()).toBe(1);
    const { data } = await complete(gate, tokenIn(answer), { totp: ada.code() });
    expect(data.completeLogin.session.methods).toEqual(["fed", "otp", "mfa"]);
  });

  test("MF-5: a reset of the password does not remove the second factor", async () => {
    await gate.ask(`mutation { requestPasswordReset(email: "${email}") { message } }`);
    await gate.auth.mail.idle();
    const mails = await smtp.mailsTo(email, 2);
    const token = /token=([\w-]{43})/.exec(mails.at(-1)?.text ?? "")?.[1] ?? "";
    const reset = await gate.ask(
      `mutation { resetPassword(token: "${token}", newPassword: "${NEW_PASSWORD}") { message } }`,
    );
    expect(reset.status).toBe(200);
    const answer = await gate.ask(
      `mutation { login(username: "${ada.name}", password: "${NEW_PASSWORD}") { access } }`,
    );
    expect(answer).toMatchObject(REFUSED);
    expect(await sessions()).toBe(0);
  });

  test("MF-5: the old REST API refuses in its own format, without a challenge", async () => {
    const text = "This account needs a second step, which this app does not support.";
    const post = (path: string, json: object) => call(`${gate.url}${path}`, { json });
    const password = PASSWORD;
    expect(await post("/login/", { username: ada.name, password })).toMatchObject({
      ...{ status: 400, body: { non_field_errors: [text] } },
    });
    expect(await post("/login/", { email, password })).toMatchObject({
      ...{ status: 400, body: { error: text } },
    });
    const pair = await post("/token/", { username: ada.name, password });
    expect(pair).toMatchObject({ status: 401, body: { detail: text } });
    expect(await post("/token/", { username: ada.name, password: "wrong" })).toMatchObject({
      body: { detail: "No active account found with the given credentials" },
    });
    expect(await sessions()).toBe(1);
  });

  test("adds no field, and no statement to a login, if it is switched off", async () => {
    const off = await gate.another({ secondFactor: "off" });
    const { code } = await complete(off, "x", { totp: "123456" });
    expect(code).toBe("GRAPHQL_VALIDATION_FAILED");
    const user = newName();
    await gate.user(user);
    const count = async (server: Gate) => {
      await login(server, user);
      await server.flush();
      return server.countStatements(() => login(server, user));
    };
    expect((await count(gate)) - (await count(off))).toBe(1);
    await off.close();
  });

  // This test is the last one, because the first server can no longer read the keys.
  test("OP-11: an app still works after SECRET_KEY was replaced, and is encrypted again", async () => {
    const next = randomBytes(32).toString("base64url");
    const rotated = await gate.another({ secretKey: [next, gate.secretKey] });
    const challenge = await challengeOf(rotated, ada.name);
    expect((await complete(rotated, challenge, { totp: ada.code() })).status).toBe(200);
    await rotated.close();
    gate.advance(STEP);
    const alone = await gate.another({ secretKey: next });
    const again = await challengeOf(alone, ada.name);
    expect((await complete(alone, again, { totp: ada.code() })).status).toBe(200);
    await alone.close();
  });
});
