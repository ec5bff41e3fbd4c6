import { afterAll, beforeEach, describe, expect, test } from "@jest/globals";
import type { MailPurpose } from "../../../src/features/mail/index.js";
import { eventually } from "../../support/eventually.js";
import { describeGates } from "../../support/gate.js";
import { MailServer } from "../../support/mail-server.js";
import { call, linksIn, newTokenTo, NEXT, noticeTo, signIn } from "./calls.js";

const MINUTE = 60;
const DAY = 86_400;
const SENT = { changeEmail: { message: "A mail with a link is on its way to the new address" } };
const NOT_VALID = {
  status: 400,
  code: "BAD_USER_INPUT",
  reason: "mail_token_not_valid",
  data: null,
};

const smtp = await MailServer.start();

afterAll(() => smtp.close());

describeGates({ smtpUrl: smtp.url, mailFrom: "no-reply@example.com" }, (gate) => {
  let count = 0;
  let name: string;
  let email: string;
  let wanted: string;
  let id: string;
  let authorization: string;

  beforeEach(async () => {
    smtp.reset();
    name = `user${(count += 1)}`;
    email = `${name}@example.com`;
    wanted = `New.${name}@example.org`;
    id = await gate.user(name, { email });
    ({ authorization } = await signIn(gate, id));
    gate.events.length = 0;
  });

  const ask = (newEmail = wanted, header = authorization) =>
    call(gate, "changeEmail", { newEmail }, { authorization: header });

  const confirm = (token: string) => call(gate, "confirmEmailChange", { token });

  /** Asks for the change, and returns the token that arrives at the new address. */
  async function newToken(newEmail = wanted): Promise<string> {
    await gate.auth.mail.idle();
    smtp.reset();
    gate.advance(MINUTE);
    ({ authorization } = await signIn(gate, id));
    expect((await ask(newEmail)).data).toEqual(SENT);
    return newTokenTo(smtp, newEmail);
  }

  const stored = async (userId = id) => (await gate.auth.accounts.getUser(userId)).email;

  describe("changeEmail", () => {
    test("RC-6: the address changes once it is confirmed, and the old address gets a notice", async () => {
      expect((await ask()).data).toEqual(SENT);
      const token = await newTokenTo(smtp, wanted);
      const [mail] = smtp.mails;
      expect([mail?.subject, mail?.recipients]).toEqual([
        "Confirm your new e-mail address",
        [wanted],
      ]);
      expect(await stored()).toBe(email);
      const { status, data, headers } = await confirm(token);
      expect([status, data]).toEqual([
        200,
        { confirmEmailChange: { message: "E-mail address changed" } },
      ]);
      expect(headers.get("set-cookie")).toBeNull();
      expect(await stored()).toBe(wanted);
      expect(await gate.auth.accounts.findUser({ email: wanted.toLowerCase() })).toMatchObject({
        id,
      });
      await noticeTo(smtp, email, "Your e-mail address was changed");
      expect(smtp.mails).toHaveLength(2);
      expect((await gate.me(authorization)).status).toBe(200);
      expect(gate.events).toEqual([
        { type: "recovery:email_change_requested", userId: id },
        { type: "email_changed", userId: id },
        { type: "recovery:email_confirmed", userId: id },
      ]);
    });

    test("RC-6: a user without an address gets one, and no notice is sent", async () => {
      await gate.auth.accounts.updateUser(id, { email: null });
      await confirm(await newToken());
      expect(await stored()).toBe(wanted);
      expect(await gate.sql(`SELECT id FROM mail_outbox WHERE user_id = ?`, [id])).toEqual([]);
    });

    test("users can change the spelling of their own address, without a notice", async () => {
      const spelling = `${name.toUpperCase()}@example.com`;
      await confirm(await newToken(spelling));
      expect(await stored()).toBe(spelling);
      expect(await gate.sql(`SELECT id FROM mail_outbox WHERE user_id = ?`, [id])).toEqual([]);
    });

    test("RC-1, RC-6: an address of another user gets the same answer, and its owner gets a mail", async () => {
      const owner = await gate.user(`owner${count}`, { email: wanted });
      const free = await ask(`free-${wanted}`);
      await gate.auth.mail.idle();
      gate.advance(MINUTE);
      const taken = await ask(wanted.toLowerCase());
      expect([taken.status, taken.text]).toEqual([free.status, free.text]);
      expect([free.status, free.data]).toEqual([200, SENT]);
      const token = await newTokenTo(smtp, wanted);
      const [, known] = linksIn(smtp);
      expect([known?.subject, known?.recipients]).toEqual([
        "You already have an account",
        [wanted],
      ]);
      expect(known?.text).toContain(`Hello owner${count},`);
      expect(known?.text).not.toMatch(new RegExp(`\\b${name}\\b`));
      expect(await confirm(token)).toMatchObject(NOT_VALID);
      expect((await call(gate, "resetPassword", { token, newPassword: NEXT })).status).toBe(200);
      expect([await stored(), await stored(owner)]).toEqual([email, wanted]);
    });

    test("RC-1: an address of an inactive user gets the same answer, but no mail", async () => {
      const owner = await gate.user(`owner${count}`, { email: wanted });
      await gate.auth.accounts.setActive(owner, false);
      expect((await ask()).data).toEqual(SENT);
      await eventually(() => gate.events.some(({ type }) => type.endsWith("requested")));
      expect(linksIn(smtp)).toEqual([]);
    });

    test("RC-4: sends one mail a minute about an account, and the newer link kills the older one", async () => {
      const older = await newToken();
      for (let turn = 0; turn < 3; turn += 1) {
        expect((await ask(`other-${turn}@example.org`)).data).toEqual(SENT);
      }
      const newer = await newToken(`newer-${wanted}`);
      expect(await confirm(older)).toMatchObject(NOT_VALID);
      expect((await confirm(newer)).status).toBe(200);
      const sent = gate.events.filter(({ type }) => type === "recovery:email_change_requested");
      expect(sent).toHaveLength(2);
    });

    test("needs a recent password", async () => {
      gate.advance(15 * MINUTE + 0.001);
      const { authorization: stale } = await gate.issue(id);
      expect(await ask(wanted, stale)).toMatchObject({
        status: 403,
        reason: "reauthentication_required",
      });
      expect(await ask(wanted, "")).toMatchObject({ status: 401, reason: "no_credentials" });
    });

    test("AZ-8: refuses the static token of a login", async () => {
      const { authorization: fixed } = await signIn(gate, id, "TOKEN");
      const refused = await ask(wanted, fixed);
      expect(refused).toMatchObject({ status: 400, code: "BAD_USER_INPUT", data: null });
      expect(refused.errors?.[0]?.message).toBe("A static token cannot do this. Log in instead.");
      expect(await gate.sql(`SELECT id FROM mail_token WHERE user_id = ?`, [id])).toEqual([]);
    });

    test.each([
      "ada@example.com\r\nBcc: eve@example.com",
      "ada@example.com, eve@example.com",
      "Ada <ada@example.com>",
      "a\u200bda@example.com",
      "not an address",
      "",
      `${"x".repeat(250)}@example.com`,
    ])("refuses header injection and malformed text (%#)", async (newEmail) => {
      expect(await ask(newEmail)).toMatchObject({ status: 400, code: "BAD_USER_INPUT" });
      expect(linksIn(smtp)).toEqual([]);
    });
  });

  describe("confirmEmailChange", () => {
    test("RC-6: fails if the address belongs to another user meanwhile, and nothing changes", async () => {
      const token = await newToken();
      await gate.user(`faster${count}`, { email: wanted });
      expect(await confirm(token)).toMatchObject(NOT_VALID);
      expect(await stored()).toBe(email);
      expect(await gate.sql(`SELECT id FROM mail_outbox WHERE user_id = ?`, [id])).toEqual([]);
    });

    test("RC-2: of two users who confirm one address at the same time, one gets it", async () => {
      const other = await gate.user(`other${count}`, { email: `other-${email}` });
      const mine = await newToken();
      gate.advance(MINUTE);
      const session = await signIn(gate, other);
      smtp.reset();
      await ask(wanted, session.authorization);
      const theirs = await newTokenTo(smtp, wanted);
      const answers = await Promise.all([confirm(mine), confirm(theirs)]);
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 400]);
      expect(answers.find(({ status }) => status === 400)).toMatchObject(NOT_VALID);
    });

    test("RC-2: of 20 parallel uses, one succeeds", async () => {
      const token = await newToken();
      const answers = await Promise.all(Array.from({ length: 20 }, () => confirm(token)));
      const refused = answers.filter(({ status }) => status !== 200);
      expect(refused).toHaveLength(19);
      for (const answer of refused) expect(answer).toMatchObject(NOT_VALID);
      await noticeTo(smtp, email, "Your e-mail address was changed");
      expect(smtp.mails.filter(({ recipients }) => recipients.includes(email))).toHaveLength(1);
    });

    test("works for 24 hours, to the millisecond", async () => {
      const token = await newToken();
      gate.advance(DAY - 0.001);
      expect((await confirm(token)).status).toBe(200);
      const late = await newToken(`late-${wanted}`);
      gate.advance(DAY);
      expect(await confirm(late)).toMatchObject({ ...NOT_VALID, reason: "mail_token_expired" });
      expect(await stored()).toBe(wanted);
    });

    test("RC-4, RC-6: a link to reset the password dies with the address", async () => {
      await call(gate, "requestPasswordReset", { email });
      const reset = await newTokenTo(smtp, email);
      expect((await confirm(await newToken())).status).toBe(200);
      expect(await call(gate, "resetPassword", { token: reset, newPassword: NEXT })).toMatchObject(
        NOT_VALID,
      );
    });

    test("RC-4: the link dies with a new password", async () => {
      const token = await newToken();
      await gate.auth.accounts.setPassword(id, NEXT);
      expect(await confirm(token)).toMatchObject(NOT_VALID);
      expect(await stored()).toBe(email);
    });

    test("no notice is lost while the mail server is away", async () => {
      const token = await newToken();
      await smtp.close();
      expect((await confirm(token)).status).toBe(200);
      await eventually(() => gate.events.some(({ type }) => type === "mail:delayed"));
      await smtp.listen();
      gate.advance(MINUTE);
      gate.auth.mail.wake();
      await noticeTo(smtp, email, "Your e-mail address was changed");
    });
  });

  test("RC-2: a token works for no other mutation", async () => {
    const PURPOSES: readonly MailPurpose[] = ["verifyEmail", "resetPassword", "confirmEmailChange"];
    const { mail } = gate.auth;
    const tokens = new Map<string, string>();
    for (const purpose of PURPOSES) {
      const tokenId = await gate.core.sql.inTransaction((run) =>
        mail.tokens.issue(run, { purpose, userId: id, address: email, lifetime: 60 }),
      );
      tokens.set(purpose, (await mail.tokens.derive(tokenId))?.token ?? "");
    }
    const { refresh, access } = await gate.login(name);
    const { token: fixed } = await gate.login(name, "TOKEN");
    const strangers = [access, refresh, fixed];
    for (const slot of ["resetPassword", "confirmEmailChange"] as const) {
      const others = [...tokens].filter(([purpose]) => purpose !== slot).map(([, token]) => token);
      for (const token of [...others, ...strangers]) {
        const variables = { token, ...(slot === "resetPassword" && { newPassword: NEXT }) };
        expect(await call(gate, slot, variables)).toMatchObject(NOT_VALID);
      }
    }
    for (const token of tokens.values()) {
      expect((await gate.verify(token)).data.verifyToken.active).toBe(false);
      expect((await gate.refresh(token)).reason).toBe("token_not_valid");
      expect((await gate.me(`Bearer ${token}`)).reason).toBe("token_not_valid");
      expect((await gate.me(`Token ${token}`)).reason).toBe("token_not_valid");
    }
    expect((await gate.me(authorization)).status).toBe(200);
    expect((await confirm(tokens.get("confirmEmailChange") ?? "")).status).toBe(200);
    const newPassword = NEXT;
    const token = tokens.get("resetPassword");
    expect((await call(gate, "resetPassword", { token, newPassword })).status).toBe(200);
  });
});
