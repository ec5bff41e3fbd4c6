import { randomBytes } from "node:crypto";
import { afterAll, beforeEach, describe, expect, test } from "@jest/globals";
import { runCommand } from "../../support/command.js";
import { eventually } from "../../support/eventually.js";
import { describeGates, PASSWORD } from "../../support/gate.js";
import { MailServer } from "../../support/mail-server.js";
import { call } from "../recovery/calls.js";
import { REGISTER, RESEND } from "../registration/documents.js";

const SET = `mutation ($locale: String) { setLocale(locale: $locale) { username locale } }`;
const RESET = "Setzen Sie ein neues Passwort";

/** In milliseconds. Long, because processes start slowly on a busy machine. */
const TIMEOUT = 120_000;

const smtp = await MailServer.start();
afterAll(() => smtp.close());

const secretKey = randomBytes(32).toString("base64url");
const options = { secretKey, smtpUrl: smtp.url, mailFrom: "no-reply@example.com" };

const publicUrl = "https://example.com";

describeGates({ ...options, publicUrl, registration: "open" }, (gate) => {
  let count = 0;
  let username: string;
  let email: string;
  let id: string;

  beforeEach(async () => {
    await gate.auth.mail.idle();
    await eventually(async () => (await gate.sql("SELECT id FROM mail_outbox")).length === 0);
    smtp.reset();
    count += 1;
    username = `reader${count}`;
    email = `${username}@example.com`;
    id = await gate.user(username, { email });
    // After an hour, the limits on mails start again.
    gate.advance(3600);
  });

  const setLocale = async (locale: string | null) => {
    const { authorization } = await gate.login(username);
    return gate.ask(SET, { authorization, variables: { locale } });
  };

  const localeOf = async (name: string) => {
    const [row] = await gate.sql(
      `SELECT locale FROM user_locale JOIN "user" ON id = user_id WHERE username = ?`,
      [name],
    );
    return row?.locale ?? null;
  };

  const subjects = async (to = email) => (await smtp.mailsTo(to)).map(({ subject }) => subject);

  const register = (language: string, given: Record<string, unknown> = {}) =>
    gate.ask(REGISTER, {
      headers: { "accept-language": language },
      variables: { username: `new-${username}`, email, password: PASSWORD, ...given },
    });

  describe("setLocale", () => {
    test.each([
      ["de-AT", "de-AT"],
      ["DE-at", "de-AT"],
      ["zh-hant-tw", "zh-Hant-TW"],
      ["iw", "he"],
    ])("%s is stored as %s", async (locale, canonical) => {
      const { data } = await setLocale(locale);
      expect(data.setLocale).toEqual({ username, locale: canonical });
      expect(await localeOf(username)).toBe(canonical);
    });

    test("null removes it", async () => {
      await setLocale("de");
      expect((await setLocale(null)).data.setLocale.locale).toBeNull();
      expect(await localeOf(username)).toBeNull();
    });

    test.each([
      "",
      " ",
      "*",
      "de_AT",
      "de AT",
      "de\r\nBcc: x",
      "1",
      `de${"-latn".repeat(7)}`,
      "x".repeat(5000),
    ])("a malformed language tag is refused, and nothing changes (%#)", async (locale) => {
      await setLocale("de");
      expect(await setLocale(locale)).toMatchObject({ status: 400, code: "BAD_USER_INPUT" });
      expect(await localeOf(username)).toBe("de");
    });

    test(
      "export-user prints it",
      async () => {
        await setLocale("de");
        const { code, stdout } = await runCommand(["export-user", username], {
          cwd: process.cwd(),
          env: {
            DATABASE_URL: gate.databaseUrl,
            SECRET_KEY: secretKey,
            SMTP_URL: smtp.url,
            MAIL_FROM: options.mailFrom,
            PUBLIC_URL: publicUrl,
          },
          timeout: TIMEOUT,
        });
        expect(code).toBe(0);
        expect(JSON.parse(stdout).features.mail).toEqual({ locale: "de" });
      },
      TIMEOUT,
    );

    test("no other user can set it", async () => {
      expect(await gate.ask(SET, { variables: { locale: "de" } })).toMatchObject({
        status: 401,
        code: "UNAUTHENTICATED",
      });
    });

    test("a change is in the audit trail, and the same value again is no change", async () => {
      gate.events.length = 0;
      for (const locale of [null, "de", "DE", "fr", null]) await setLocale(locale);
      const changes = gate.events.filter(({ type }) => type === "mail:locale_changed");
      expect(changes).toEqual(Array(3).fill({ type: "mail:locale_changed", userId: id }));
    });
  });

  test("User.locale costs one statement, and none if it is not selected", async () => {
    await setLocale("de");
    const { authorization } = await gate.login(username);
    const ask = (fields: string) => () => gate.ask(`{ me { ${fields} } }`, { authorization });
    const without = await gate.countStatements(ask("id"));
    expect(await gate.countStatements(ask("locale a: locale"))).toBe(without + 1);
  });

  test.each([
    ["de-AT", "de-AT"],
    ["de-at;q=0.9,en", "de-AT"],
    ["fr, de", "fr"],
    ["*", null],
    [`de${"x".repeat(5000)}`, null],
    [",".repeat(5000), null],
  ])("a registration stores the first language in Accept-Language (%#)", async (sent, stored) => {
    await register(sent, { email: `new-${email}` });
    expect(await localeOf(`new-${username}`)).toBe(stored);
  });

  describe("a mail has the language of its recipient", () => {
    const headers = { "accept-language": "en" };

    test.each([
      ["de-CH", RESET],
      ["fr", "Set a new password"],
    ])("a reset for a reader of %s: %s", async (locale, subject) => {
      await setLocale(locale);
      await call(gate, "requestPasswordReset", { email }, { headers });
      expect(await subjects()).toEqual([subject]);
    });

    test("also if another person signs up with the recipient's address", async () => {
      await setLocale("de");
      await register("en");
      expect(await subjects()).toEqual(["Sie haben schon ein Konto"]);
    });

    test("also if another person asks for the link again", async () => {
      const mine = { username: `new-${username}`, email: `new-${email}` };
      await register("de", mine);
      expect(await subjects(mine.email)).toEqual(["Bestätigen Sie Ihre E-Mail-Adresse"]);
      gate.advance(3600);
      await gate.ask(RESEND, { headers, variables: { email: mine.email } });
      await eventually(async () => (await subjects(mine.email)).length === 2);
      expect(new Set(await subjects(mine.email)).size).toBe(1);
    });

    test("also at a new address, and after the account was deleted", async () => {
      await setLocale("de");
      const { authorization } = await gate.login(username);
      await call(gate, "changeEmail", { newEmail: `new-${email}` }, { authorization, headers });
      expect(await subjects(`new-${email}`)).toEqual(["Bestätigen Sie Ihre neue E-Mail-Adresse"]);
      await call(gate, "deleteAccount", {}, { authorization, headers });
      expect(await subjects()).toEqual(["Ihr Konto wurde gelöscht"]);
    });

    test("also if an application sends it, unless the application names another language", async () => {
      await setLocale("de");
      const mail = { template: "password-changed", to: email, userId: id } as const;
      await gate.auth.mail.send(mail);
      expect(await subjects()).toEqual(["Ihr Passwort wurde geändert"]);
      smtp.reset();
      await gate.auth.mail.send({ ...mail, locale: "en" });
      expect(await subjects()).toEqual(["Your password was changed"]);
    });
  });
});
