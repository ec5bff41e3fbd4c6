import { randomBytes } from "node:crypto";
import { afterAll, beforeEach, describe, expect, test } from "@jest/globals";
import { attempt, attemptByEmail, REFUSED } from "../../support/attempts.js";
import { becomes, eventually } from "../../support/eventually.js";
import { fresh } from "../../support/fresh.js";
import { type Answer, type Call, describeGates, PASSWORD } from "../../support/gate.js";
import { MailServer, tokenIn } from "../../support/mail-server.js";
import { EMAIL_VERIFIED_AT, POLICY, REGISTER, RESEND, VERIFY } from "./documents.js";

const DAY = 86_400;
const NOT_VERIFIED = {
  status: 401,
  code: "UNAUTHENTICATED",
  reason: "email_not_verified",
  data: null,
};
const NOT_VALID = { status: 400, code: "BAD_USER_INPUT", reason: "mail_token_not_valid" };
const TAKEN = { status: 400, code: "BAD_USER_INPUT", reason: "username_taken", data: null };

const smtp = await MailServer.start();
afterAll(() => smtp.close());

const secretKey = randomBytes(32).toString("base64url");
const options = { secretKey, smtpUrl: smtp.url, mailFrom: "no-reply@example.com" };

describeGates(options, (gate) => {
  let count = 0;
  let username: string;
  let email: string;

  beforeEach(async () => {
    await gate.auth.mail.idle();
    await eventually(async () => (await pendingMails()) === 0);
    smtp.reset();
    // After an hour, the limits on mails start again.
    gate.advance(3600);
    gate.events.length = 0;
    count += 1;
    username = `person${count}`;
    email = `Person${count}@example.com`;
  });

  const register = (given: Record<string, unknown> = {}, call: Call = {}) =>
    gate.ask(REGISTER, { ...call, variables: { username, email, password: PASSWORD, ...given } });

  const verify = (token: string) => gate.ask(VERIFY, { variables: { token } });

  const resend = (to = email, call: Call = {}) =>
    gate.ask(RESEND, { ...call, variables: { email: to } });

  const verifiedAt = async (authorization: string) =>
    (await gate.ask(EMAIL_VERIFIED_AT, { authorization })).data.me.emailVerifiedAt;

  /** Signs up, and returns the token of the mail. */
  async function registered(given: Record<string, unknown> = {}): Promise<string> {
    expect((await register(given)).errors).toBeUndefined();
    return smtp.tokenTo((given["email"] as string | undefined) ?? email);
  }

  /** Creates a user who has proved an address. */
  async function member(name: string, address: string): Promise<string> {
    await verify(await registered({ username: name, email: address }));
    gate.advance(3600);
    smtp.reset();
    return (await gate.auth.accounts.findUser({ username: name }))!.id;
  }

  describe("signing up", () => {
    test("a user registers, opens the link, and logs in by name and by address", async () => {
      const { status, data } = await register();
      expect([status, data]).toEqual([
        200,
        {
          register: {
            message: "Account created. A mail is on its way to you: open its link",
            auth: null,
          },
        },
      ]);
      expect(await attempt(gate, username, PASSWORD)).toMatchObject(NOT_VERIFIED);
      const [mail] = await smtp.mailsTo(email);
      expect(mail?.subject).toBe("Confirm your e-mail address");
      expect((await verify(tokenIn(mail?.text))).data).toEqual({
        verifyEmail: { message: "E-mail address confirmed" },
      });
      const { authorization } = await gate.login(username);
      expect((await attemptByEmail(gate, email, PASSWORD)).status).toBe(200);
      const { data: own } = await gate.ask("{ me { username email emailVerifiedAt } }", {
        authorization,
      });
      const emailVerifiedAt = new Date(gate.now).toISOString();
      expect(own.me).toEqual({ username, email, emailVerifiedAt });
    });

    test("the audit trail has both steps, and no address, password or token", async () => {
      const token = await registered();
      await verify(token);
      const { id: userId } = (await gate.auth.accounts.findUser({ username }))!;
      expect(gate.events).toEqual([
        { type: "user_created", userId },
        { type: "registration:registered", userId },
        { type: "email_changed", userId },
        { type: "registration:verified", userId },
      ]);
    });

    test("before the link is opened, a wrong password gets the usual refusal, and the address has no account", async () => {
      await registered();
      expect(await attempt(gate, username)).toMatchObject(REFUSED);
      expect(await attemptByEmail(gate, email, PASSWORD)).toMatchObject(REFUSED);
      const user = await gate.auth.accounts.findUser({ username });
      expect(user).toMatchObject({ email: null, role: "USER", lastLoginAt: null });
    });

    test("accounts that were created in code need no proof of the address", async () => {
      await gate.user(username, { email });
      const { authorization } = await gate.login(username);
      expect(await verifiedAt(authorization)).toBeNull();
    });

    test("AZ-7: the role and the state cannot be chosen", async () => {
      const { code } = await gate.ask(
        REGISTER.replace("username: $username", `username: $username, role: ADMIN`),
        { variables: { username, email, password: PASSWORD } },
      );
      expect(code).toBe("GRAPHQL_VALIDATION_FAILED");
    });

    test.each([
      ["an empty name", { username: "" }, "username must not be empty."],
      ["a space", { username: "a b" }, "username may contain only letters, digits and . _ @ + -."],
      [
        "a header in the name",
        { username: "a\r\nBcc: eve@example.com" },
        "without control characters.",
      ],
      ["two scripts", { username: "аlice" }, "username must use the letters of one script."],
      ["a long name", { username: "a".repeat(1e5) }, "username must have at most 150 characters."],
      ["no address", { email: "" }, "email must not be empty."],
      ["half an address", { email: "ada" }, "email must be one address, such as ada@example.com."],
      ["two addresses", { email: "a@example.com, b@example.com" }, "email must be one address"],
      [
        "a header in the address",
        { email: "a@example.com\r\nBcc: b@example.com" },
        "without control",
      ],
      ["a space around the address", { email: " a@example.com" }, "email must be one address"],
      ["an invisible character", { email: "a\u034F@example.com" }, "must not contain invisible"],
      ["a long address", { email: `${"a".repeat(250)}@example.com` }, "at most 254 characters."],
    ])(
      "LG-10: malformed input is refused, and leaves nothing behind: %s",
      async (_what, given, message) => {
        const answer = await register(given);
        expect(answer).toMatchObject({ status: 400, code: "BAD_USER_INPUT", data: null });
        expect(answer.errors?.[0]?.message).toContain(message);
        expect([smtp.mails, gate.events]).toEqual([[], []]);
      },
    );

    test("PW-5: a weak password is refused with its problems, including those with the address", async () => {
      const answer = await register({
        email: "margaret.hamilton@example.com",
        password: "margaret.hamilton",
      });
      expect(answer).toMatchObject({ ...TAKEN, reason: "password_too_weak" });
      expect(answer.errors?.[0]?.extensions["problems"]).toEqual(["contains_email"]);
      expect((await register({ password: "short" })).errors?.[0]?.extensions["problems"]).toContain(
        "too_short",
      );
      expect(gate.events).toEqual([]);
    });

    test("every client can read the rules for passwords", async () => {
      expect((await gate.ask(POLICY)).data).toEqual({
        passwordPolicy: {
          minLength: 15,
          maxLength: 256,
          problems: ["too_short", "too_long", "too_common", "contains_username", "contains_email"],
        },
      });
    });

    test("LG-4: a request can register only one account", async () => {
      const one = `register(username: "x", email: "x@example.com", password: "${PASSWORD}") { message }`;
      const { code } = await gate.ask(`mutation { a: ${one} b: ${one} }`);
      expect(code).toBe("GRAPHQL_VALIDATION_FAILED");
    });
  });

  describe("a taken user name", () => {
    test.each([
      ["the same", "oscar", "oscar"],
      ["another case", "ada", "ADA"],
      ["Cyrillic letters that look the same", "coco", "сосо"],
      ["letters that look the same in capitals", "bill", "BiIl"],
      ["a mark that is hard to see", "alice", "a\u0332lice"],
    ])("LG-9: is reported, and so is a look-alike: %s", async (_what, name, other) => {
      await gate.user(name);
      expect(await register({ username: other })).toMatchObject(TAKEN);
      expect(gate.events).toEqual([]);
    });

    test("RC-1: is reported in the same way for a known and an unknown address", async () => {
      await gate.user(username, { email });
      const [known, unknown] = [await register(), await register({ email: "new@example.com" })];
      expect(known).toMatchObject(TAKEN);
      expect(visible(known)).toEqual(visible(unknown));
      expect(smtp.mails).toEqual([]);
    });

    test("does not use up the mail of the address, which the next name still gets", async () => {
      await gate.user(`occupied${count}`);
      expect(await register({ username: `occupied${count}` })).toMatchObject(TAKEN);
      await verify(await registered());
      await gate.login(username);
    });

    test("of two registrations of one name at once, one gets it", async () => {
      const answers = await Promise.all([
        register(),
        register({ email: `other${count}@example.com` }),
      ]);
      expect(answers.map(({ reason }) => reason).sort()).toEqual(["username_taken", undefined]);
      await eventually(() => smtp.mails.length === 1);
    });
  });

  describe("RC-1: a known address", () => {
    test("gets the same answer byte for byte, and its owner gets a mail that says so", async () => {
      await gate.user(`owner${count}`, { email });
      const known = await register({ email: email.toUpperCase() });
      const unknown = await register({
        username: `${username}b`,
        email: `new${count}@example.com`,
      });
      expect(known.status).toBe(200);
      expect(visible(known)).toEqual(visible(unknown));
      const [mail] = await smtp.mailsTo(email);
      expect(mail?.subject).toBe("You already have an account");
      expect(mail?.text).toContain(`Hello owner${count},`);
      expect(mail?.text).toContain("/reset-password?token=");
    });

    test("cannot be recognised afterwards by the name, by logins or by another registration", async () => {
      await gate.user(`owner${count}`, { email });
      const [known, unknown] = [username, `${username}b`];
      const addresses = { [known]: email, [unknown]: `new${count}@example.com` };
      const seen = async (name: string) => {
        const address = addresses[name]!;
        return [
          await register({ username: name, email: address }),
          await attempt(gate, name, PASSWORD),
          await attemptByEmail(gate, address, `${PASSWORD}!`),
          await register({ username: name, email: `third-${name}@example.com` }),
          await register({ username: `${name}c`, email: address }),
          await attempt(gate, name, PASSWORD),
          await resend(address),
        ].map(visible);
      };
      const answers = await seen(known);
      expect(answers.map(({ text }) => /"reason":"(\w+)"/.exec(text)?.[1])).toEqual([
        ...[undefined, "email_not_verified", "invalid_credentials", "username_taken"],
        ...[undefined, "email_not_verified", undefined],
      ]);
      expect(await seen(unknown)).toEqual(answers);
    });

    test("sends the mail to the owner's spelling of the address, because another spelling may be another mailbox", async () => {
      await gate.user(`owner${count}`, { email: `mike${count}@example.com` });
      await register({ email: `mi\u212Ae${count}@example.com` });
      await eventually(() => smtp.mails.length > 0);
      expect(smtp.mails.map(({ recipients }) => recipients)).toEqual([
        [`mike${count}@example.com`],
      ]);
    });

    test("of a deactivated account sends no mail", async () => {
      const id = await gate.user(`owner${count}`, { email });
      await gate.auth.accounts.setActive(id, false);
      expect((await register()).status).toBe(200);
      await registered({ username: `${username}b`, email: `b${email}` });
      await eventually(async () => (await pendingMails()) === 0);
      expect(smtp.mails.flatMap(({ recipients }) => recipients)).not.toContain(email);
    });

    test("changes nothing for its owner", async () => {
      const id = await gate.user(`owner${count}`, { email });
      const { authorization } = await gate.login(`owner${count}`);
      await register();
      expect((await gate.me(authorization)).status).toBe(200);
      expect((await attemptByEmail(gate, email, PASSWORD)).data.emailLogin).not.toBeNull();
      expect(await gate.auth.accounts.findUser({ email })).toMatchObject({ id });
    });
  });

  describe("RC-7: an address that is not proved", () => {
    /** Signs up a stranger and then the owner with the address, and returns the tokens of both. */
    async function contested(): Promise<{ stranger: string; own: string }> {
      const stranger = await registered({
        username: `stranger${count}`,
        password: `${PASSWORD} eve`,
      });
      gate.advance(61);
      smtp.reset();
      return { stranger, own: await registered() };
    }

    test("belongs to no account: its owner can still sign up, and the stranger's account never gets it", async () => {
      const { stranger, own } = await contested();
      expect((await verify(own)).data.verifyEmail.message).toContain("reset your password");
      expect(await verify(stranger)).toMatchObject(NOT_VALID);
      expect(await attemptByEmail(gate, email, `${PASSWORD} eve`)).toMatchObject(REFUSED);
      expect(await attempt(gate, `stranger${count}`, `${PASSWORD} eve`)).toMatchObject(
        NOT_VERIFIED,
      );
      const { id } = (await gate.auth.accounts.findUser({ email }))!;
      await gate.auth.accounts.setPassword(id, `${PASSWORD}!`);
      await gate.login(username, "JWT", `${PASSWORD}!`);
    });

    test("a stranger who signs up later does not kill the link, and no earlier password works afterwards", async () => {
      const { stranger: first, own: later } = await contested();
      const { id } = (await gate.auth.accounts.findUser({ username: `stranger${count}` }))!;
      const { authorization, session } = await gate.issue(id);
      gate.events.length = 0;
      expect((await verify(first)).status).toBe(200);
      expect(gate.events).toEqual([
        { type: "email_changed", userId: id },
        { type: "password_removed", userId: id },
        { type: "session_ended", userId: id, sessionId: session.id, reason: "password_changed" },
        { type: "registration:verified", userId: id },
      ]);
      expect(await gate.auth.accounts.findUser({ email })).toMatchObject({ id });
      expect(await verify(later)).toMatchObject(NOT_VALID);
      for (const password of [PASSWORD, `${PASSWORD} eve`]) {
        expect(await attemptByEmail(gate, email, password)).toMatchObject(REFUSED);
      }
      expect((await gate.me(authorization)).status).toBe(401);
    });

    test("can be confirmed by a change of address too, and then no link of a waiting account works", async () => {
      const waiting = await registered();
      const id = await gate.user(`member${count}`, { email: `member${count}@example.com` });
      const { authorization } = await fresh(gate, id);
      gate.advance(61);
      smtp.reset();
      const change = `mutation { changeEmail(newEmail: "${email}") { message } }`;
      expect((await gate.ask(change, { authorization })).status).toBe(200);
      const confirm = `mutation ($token: String!) { confirmEmailChange(token: $token) { message } }`;
      const variables = { token: await smtp.tokenTo(email) };
      gate.events.length = 0;
      const { data } = await gate.ask(confirm, { variables });
      expect(data.confirmEmailChange.message).toContain("reset your password");
      expect(gate.events.map(({ type }) => type)).toEqual([
        ...["email_changed", "password_removed", "session_ended", "recovery:email_confirmed"],
      ]);
      expect(await attemptByEmail(gate, email, PASSWORD)).toMatchObject(REFUSED);
      expect((await gate.me(authorization)).status).toBe(401);
      expect(await verify(waiting)).toMatchObject(NOT_VALID);
      await gate.auth.accounts.updateUser(id, { email: null });
      const query = "SELECT email FROM registration WHERE email_key = ?";
      expect(await gate.sql(query, [email.toLowerCase()])).toEqual([]);
    });

    test("a new link is for the account that has waited longest", async () => {
      await contested();
      gate.advance(61);
      smtp.reset();
      await resend();
      await verify(await smtp.tokenTo(email));
      expect(await gate.auth.accounts.findUser({ email })).toMatchObject({
        username: `stranger${count}`,
      });
    });

    test("a user who has got another address gets no link to the old one, and can prove the new one", async () => {
      await registered();
      const { id } = (await gate.auth.accounts.findUser({ username }))!;
      await gate.auth.accounts.updateUser(id, { email: `new${email}` });
      gate.advance(61);
      smtp.reset();
      await resend();
      await resend(`new${email}`);
      expect((await verify(await smtp.tokenTo(`new${email}`))).status).toBe(200);
      expect(smtp.mails).toHaveLength(1);
      expect(await gate.auth.accounts.findUser({ email })).toBeNull();
      await gate.login(username);
    });

    test("the proof of any address ends the wait, even if the user loses that address later", async () => {
      await registered();
      const { id } = (await gate.auth.accounts.findUser({ username }))!;
      await gate.auth.accounts.updateUser(id, { email: `new${email}` });
      const token = await issueFor("resetPassword", id, `new${email}`);
      const reset = `mutation ($token: String!, $newPassword: String!) {
        resetPassword(token: $token, newPassword: $newPassword) { message } }`;
      const variables = { token, newPassword: `${PASSWORD}!` };
      expect((await gate.ask(reset, { variables })).status).toBe(200);
      await gate.auth.accounts.updateUser(id, { email: null });
      await gate.login(username, "JWT", `${PASSWORD}!`);
    });

    test("can be given to another user by code, and then the link is dead", async () => {
      const token = await registered();
      await gate.user(`owner${count}`, { email });
      expect(await verify(token)).toMatchObject(NOT_VALID);
      expect(await attempt(gate, username, PASSWORD)).toMatchObject(NOT_VERIFIED);
    });

    test("after two registrations of one address at once, one link works", async () => {
      await Promise.all([register(), register({ username: `${username}b` })]);
      // Within the same minute, the second request sends no mail.
      await gate.auth.mail.idle();
      const [mail] = await smtp.mailsTo(email);
      await verify(tokenIn(mail?.text));
      gate.advance(61);
      await resend();
      await eventually(async () => (await pendingMails()) === 0);
      expect(await smtp.mailsTo(email)).toHaveLength(1);
      const states = await Promise.all(
        [username, `${username}b`].map(
          async (name) => (await attempt(gate, name, PASSWORD)).status,
        ),
      );
      // Neither password works, because nobody can tell which of the two is the owner's.
      expect(states).toEqual([401, 401]);
    });
  });

  describe("while registration is closed again", () => {
    test.each([
      ["with mail", {}],
      ["without mail", { smtpUrl: undefined, mailFrom: undefined, isProduction: true }],
    ])("RC-7: %s, a waiting account is still refused", async (_what, rest) => {
      await registered();
      const closed = await gate.another({ registration: "closed", ...rest });
      expect(await attempt(gate, username, PASSWORD, { url: closed.url })).toMatchObject(
        NOT_VERIFIED,
      );
      expect(await attempt(gate, username, "wrong", { url: closed.url })).toMatchObject(REFUSED);
      const optional = await gate.another({
        ...{ registration: "closed", emailVerification: "optional" },
        ...rest,
      });
      expect((await attempt(gate, username, PASSWORD, { url: optional.url })).status).toBe(200);
      await closed.close();
      await optional.close();
    });

    test("a proof of another address ends the wait", async () => {
      await registered();
      const closed = await gate.another({ registration: "closed" });
      const { id } = (await gate.auth.accounts.findUser({ username }))!;
      await gate.auth.accounts.updateUser(id, { email: `new${email}` });
      const variables = {
        token: await issueFor("resetPassword", id, `new${email}`),
        newPassword: `${PASSWORD}!`,
      };
      const reset = `mutation ($token: String!, $newPassword: String!) {
        resetPassword(token: $token, newPassword: $newPassword) { message } }`;
      expect((await gate.ask(reset, { variables, url: closed.url })).status).toBe(200);
      expect((await attempt(gate, username, `${PASSWORD}!`, { url: closed.url })).status).toBe(200);
      await closed.close();
    });
  });

  describe("verifyEmail", () => {
    test("RC-2: accepts a token once, even in 20 requests at once", async () => {
      const token = await registered();
      const answers = await Promise.all(Array.from({ length: 20 }, () => verify(token)));
      expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
      expect(await verify(token)).toMatchObject(NOT_VALID);
    });

    test("accepts a link until the millisecond in which it expires", async () => {
      const token = await registered();
      gate.advance(DAY - 0.001);
      expect((await verify(token)).status).toBe(200);
      username += "b";
      email = `b${email}`;
      smtp.reset();
      const late = await registered();
      gate.advance(DAY);
      expect(await verify(late)).toMatchObject({ ...NOT_VALID, reason: "mail_token_expired" });
      expect(await attempt(gate, username, PASSWORD)).toMatchObject(NOT_VERIFIED);
    });

    test("refuses every other token and text", async () => {
      const token = await registered();
      const owner = await member(`${username}b`, `b${email}`);
      const others = await Promise.all(
        (["resetPassword", "confirmEmailChange"] as const).map((purpose) =>
          issueFor(purpose, owner, `b${email}`),
        ),
      );
      const { access, refresh } = await gate.login(`${username}b`);
      const { token: key } = await gate.issue(owner, "TOKEN");
      const texts = ["", " ", `${token} `, token.slice(1), `${token}=`, "x".repeat(43)];
      for (const wrong of [...others, ...texts, access, refresh, key, "x".repeat(1e5)]) {
        expect(await verify(wrong)).toMatchObject({ ...NOT_VALID, data: null });
      }
      expect((await verify(token)).status).toBe(200);
    });

    test("RC-4: a new password kills the link, and a new link works", async () => {
      const token = await registered();
      const { id } = (await gate.auth.accounts.findUser({ username }))!;
      await gate.auth.accounts.setPassword(id, `${PASSWORD}!`);
      expect(await verify(token)).toMatchObject(NOT_VALID);
      gate.advance(61);
      smtp.reset();
      await resend();
      expect((await verify(await smtp.tokenTo(email))).status).toBe(200);
      await gate.login(username, "JWT", `${PASSWORD}!`);
    });

    test("RC-3: the link names the configured address, whatever the request says", async () => {
      await register(
        {},
        {
          headers: {
            host: "evil.example",
            "x-forwarded-host": "evil.example",
            forwarded: "host=evil.example",
          },
        },
      );
      const [mail] = await smtp.mailsTo(email);
      expect(mail?.text).toContain("https://auth.example.com/verify-email?token=");
      expect(mail?.source).not.toContain("evil");
    });

    test("a name that looks like a link is not in the mail", async () => {
      await register({ username: `visit${count}.evil.com` });
      const [mail] = await smtp.mailsTo(email);
      expect(mail?.source).not.toContain("evil");
    });

    test.each([
      ["German", "de-AT,de;q=0.9,en;q=0.8", "Bestätigen Sie Ihre E-Mail-Adresse"],
      ["a language that we do not have", "fr", "Confirm your e-mail address"],
      ["any language", "*", "Confirm your e-mail address"],
      ["nonsense", `de${"x".repeat(5000)}`, "Confirm your e-mail address"],
    ])("the mail has the language of Accept-Language: %s", async (_what, language, subject) => {
      await register({}, { headers: { "accept-language": language } });
      expect((await smtp.mailsTo(email))[0]?.subject).toBe(subject);
    });
  });

  describe("resendVerification", () => {
    test("RC-1: gives waiting, known, proved and unknown addresses the same answer", async () => {
      await registered();
      await member(`${username}b`, `b${email}`);
      await gate.user(`${username}c`, { email: `c${email}` });
      const answers = await Promise.all(
        [email, `b${email}`, `c${email}`, `d${email}`].map((address) => resend(address)),
      );
      expect(new Set(answers.map((answer) => JSON.stringify(visible(answer)))).size).toBe(1);
      expect(answers[0]?.data.resendVerification.message).toBe(
        "If this address waits for its confirmation, a mail is on its way",
      );
      await smtp.mailsTo(email);
      await smtp.mailsTo(`c${email}`);
      expect(smtp.mails).toHaveLength(2);
    });

    test("RC-4: kills the older link", async () => {
      const older = await registered();
      gate.advance(61);
      smtp.reset();
      await resend();
      const newer = await smtp.tokenTo(email);
      expect(await verify(older)).toMatchObject(NOT_VALID);
      expect((await verify(newer)).status).toBe(200);
    });

    test("RC-4: an address gets one mail a minute, and until then the older link works", async () => {
      const first = await registered();
      gate.advance(59);
      expect((await resend()).status).toBe(200);
      const other = await register({ username: `${username}b` });
      expect(other.status).toBe(200);
      expect((await verify(first)).status).toBe(200);
      gate.advance(1);
      await register({ username: `${username}c` });
      await smtp.mailsTo(email, 2);
      expect(smtp.mails.map(({ subject }) => subject)).toEqual([
        "Confirm your e-mail address",
        "You already have an account",
      ]);
    });

    test("LG-3: for an address that has nothing to prove does not count against the limit of its mails", async () => {
      await member(username, email);
      for (let turn = 0; turn < 6; turn += 1) await resend();
      await gate.auth.mail.idle();
      expect(await gate.auth.mail.allows({ purpose: "verifyEmail", address: email })).toBe(true);
    });

    test("RC-4: does not count against the limit of mails to reset a password", async () => {
      await gate.user(username, { email });
      await resend();
      await register({ username: `${username}b` });
      const query =
        "mutation ($email: String!) { requestPasswordReset(email: $email) { message } }";
      expect((await gate.ask(query, { variables: { email } })).status).toBe(200);
      await eventually(() => smtp.mails.some(({ subject }) => subject === "Set a new password"));
    });

    test("sends no link for an inactive user", async () => {
      const owner = await gate.user(username, { email });
      await gate.auth.accounts.setActive(owner, false);
      await register({ username: `${username}b`, email: `b${email}` });
      const [waiting] = await gate.sql(`SELECT id FROM "user" WHERE username = ?`, [
        `${username}b`,
      ]);
      await smtp.mailsTo(`b${email}`);
      await gate.auth.accounts.setActive(waiting.id, false);
      gate.advance(61);
      smtp.reset();
      for (const address of [email, `b${email}`]) expect((await resend(address)).status).toBe(200);
      await gate.auth.mail.idle();
      // The row of an earlier mail is deleted a moment after the server has received it.
      await becomes(async () => (await gate.sql("SELECT id FROM mail_outbox")).length, 0);
      expect(smtp.mails).toEqual([]);
    });

    test("lets a user of an older version prove the user's own address", async () => {
      await gate.user(username, { email });
      await resend();
      await verify(await smtp.tokenTo(email));
      const { authorization } = await gate.login(username);
      expect(await verifiedAt(authorization)).toBe(new Date(gate.now).toISOString());
    });
  });

  describe("User.emailVerifiedAt", () => {
    test("RC-6: is null once the user has another address, and is set by any link that proves it", async () => {
      const id = await member(username, email);
      const { authorization } = await gate.login(username);
      expect(await verifiedAt(authorization)).not.toBeNull();
      await gate.auth.accounts.updateUser(id, { email: `new${email}` });
      expect(await verifiedAt(authorization)).toBeNull();
      const token = await issueFor("resetPassword", id, `new${email}`);
      const { mail } = gate.auth;
      await gate.core.sql.inTransaction((run) =>
        mail.tokens.consume(run, { purpose: "resetPassword", token }),
      );
      expect(await verifiedAt(authorization)).toBe(new Date(gate.now).toISOString());
    });

    test("costs one statement for all users, and none if it is not selected", async () => {
      await member(username, email);
      const { authorization } = await gate.login(username);
      const ask = (fields: string) => () => gate.ask(`{ me { ${fields} } }`, { authorization });
      // The remaining work of the registration would be counted too.
      await gate.auth.mail.idle();
      await becomes(async () => (await gate.sql("SELECT id FROM mail_outbox")).length, 0);
      const without = await gate.countStatements(ask("id"));
      expect(await gate.countStatements(ask("emailVerifiedAt a: emailVerifiedAt"))).toBe(
        without + 1,
      );
    });
  });

  async function issueFor(
    purpose: "resetPassword" | "confirmEmailChange",
    userId: string,
    address: string,
  ): Promise<string> {
    const { tokens } = gate.auth.mail;
    const token = { purpose, userId, address, lifetime: 60 };
    const id = await gate.core.sql.inTransaction((run) => tokens.issue(run, token));
    return (await tokens.derive(id))!.token;
  }

  const pendingMails = async () =>
    Number((await gate.sql("SELECT count(*) AS n FROM mail_outbox"))[0].n);
});

/** Returns the parts of a response that could distinguish it from another. */
function visible({ status, headers, text }: Answer) {
  return { status, text, headers: [...headers].filter(([name]) => name !== "date").sort() };
}
