import { afterAll, beforeEach, describe, expect, test } from "@jest/globals";
import type { OutgoingMail } from "../../../src/features/mail/index.js";
import { becomes } from "../../support/eventually.js";
import { type Gate, setUpGate } from "../../support/gate.js";
import { MailServer, type ReceivedMail } from "../../support/mail-server.js";

const TO = "ada@example.com";
const LINK = "https://auth.example.com/page?token=a&b=c";

const smtp = await MailServer.start();
const SMTP = { smtpUrl: smtp.url, mailFrom: "no-reply@example.com" };

beforeEach(() => {
  smtp.reset();
});

afterAll(() => smtp.close());

async function receive(gate: Gate, mail: Omit<OutgoingMail, "to">): Promise<ReceivedMail> {
  await gate.auth.mail.send({ ...mail, to: TO });
  const [received] = await smtp.mailsTo(TO);
  if (received === undefined) throw new Error("No mail was received.");
  return received;
}

describe("our templates", () => {
  const gate = setUpGate(SMTP);

  test.each([
    ["verify-email", "Confirm your e-mail address", "Bestätigen Sie Ihre E-Mail-Adresse"],
    ["address-known", "You already have an account", "Sie haben schon ein Konto"],
    ["reset-password", "Set a new password", "Setzen Sie ein neues Passwort"],
    [
      "email-change-confirm",
      "Confirm your new e-mail address",
      "Bestätigen Sie Ihre neue E-Mail-Adresse",
    ],
    ["password-changed", "Your password was changed", "Ihr Passwort wurde geändert"],
    [
      "email-changed-notice",
      "Your e-mail address was changed",
      "Ihre E-Mail-Adresse wurde geändert",
    ],
    ["account-deleted", "Your account was deleted", "Ihr Konto wurde gelöscht"],
    [
      "account-linked",
      "You can sign in with another account",
      "Sie können sich mit einem weiteren Konto anmelden",
    ],
    [
      "recovery-code-used",
      "A recovery code was used",
      "Ein Wiederherstellungscode wurde verwendet",
    ],
    ["second-factor-added", "A second factor was added", "Ein zweiter Faktor wurde hinzugefügt"],
    ["second-factor-removed", "A second factor was removed", "Ein zweiter Faktor wurde entfernt"],
    ["passkey-added", "A passkey was added to your account", "Ihr Konto hat einen neuen Passkey"],
    [
      "passkey-removed",
      "A passkey was removed from your account",
      "Ein Passkey Ihres Kontos wurde entfernt",
    ],
  ])("%s is in English and German, as text and HTML", async (template, english, german) => {
    const withLink = /verify|known|reset|confirm/.test(template);
    const values = { username: "zoë", ...(withLink && { link: LINK }) };
    for (const [locale, subject, greeting] of [
      ["en", english, "Hello zoë,"],
      ["de", german, "Hallo zoë,"],
    ] as const) {
      smtp.reset();
      const mail = await receive(gate, { template, locale, values });
      expect(mail.subject).toBe(subject);
      const paragraphs = mail.text?.trim().split("\n\n") ?? [];
      expect(paragraphs[0]).toBe(greeting);
      expect(paragraphs.filter((line) => line === LINK)).toHaveLength(withLink ? 1 : 0);
      expect(paragraphs).toHaveLength(withLink ? 4 : 3);
      const html = String(mail.html);
      expect(html).toContain(`<html lang="${locale}">`);
      for (const paragraph of paragraphs.filter((line) => line !== LINK)) {
        expect(html).toContain(`<p>${paragraph}</p>`);
      }
      expect(html.includes(`<a href="${LINK.replace("&", "&amp;")}">`)).toBe(withLink);
    }
  });

  test("the HTML follows the colour scheme of the reader, and loads nothing", async () => {
    const { html } = await receive(gate, { template: "verify-email", values: { link: LINK } });
    expect(html).toContain('<meta name="color-scheme" content="light dark">');
    expect(html).not.toMatch(/background|color:|<img|<link|<script|src=|url\(/);
  });

  test.each([
    ["de-AT", "Hallo"],
    ["DE_ch", "Hallo"],
    ["en-GB", "Hello"],
    ["fr", "Hello"],
    ["deu", "Hello"],
    ["", "Hello"],
    [null, "Hello"],
  ])("a mail in the locale %j begins with %s", async (locale, greeting) => {
    const { text } = await receive(gate, { template: "password-changed", locale });
    expect(text).toMatch(new RegExp(`^${greeting},\n`));
  });

  test("values are escaped in HTML, and unchanged in text", async () => {
    const username = `<img src=x onerror="a('b')">&amp;`;
    const { html, text } = await receive(gate, {
      template: "password-changed",
      values: { username },
    });
    expect(text).toContain(`Hello ${username},`);
    expect(html).not.toContain("<img");
    expect(html).toContain("&lt;img src=x onerror=&quot;a(&#39;b&#39;)&quot;&gt;&amp;amp;");
  });

  test.each([
    "ada@example.com\r\nBcc: eve@example.com",
    "ada@example.com\nBcc: eve@example.com",
    "ada@example.com\0",
    "ada@example.com, eve@example.com",
    "Ada <ada@example.com>",
    "ada@example.com>\r\nRCPT TO:<eve@example.com",
    "ada",
    "",
    null,
    ["ada@example.com", "eve@example.com"],
  ])("the recipient %j is refused", async (to) => {
    const sending = gate.auth.mail.send({ template: "password-changed", to: to as string });
    await expect(sending).rejects.toMatchObject({ extensions: { code: "BAD_USER_INPUT" } });
    // The row of an earlier mail is deleted a moment after the server has received it.
    await becomes(async () => (await gate.sql("SELECT id FROM mail_outbox")).length, 0);
    expect(smtp.mails).toEqual([]);
  });

  test("a template that does not exist is refused", async () => {
    const sending = gate.auth.mail.send({ template: "verify-emails", to: TO });
    await expect(sending).rejects.toThrow(
      new TypeError("There is no mail template verify-emails."),
    );
  });
});

describe("an application's templates", () => {
  const gate = setUpGate({
    ...SMTP,
    mailTemplates: {
      "reset-password": ({ username, link }, locale) => ({
        subject: `${username}: ${locale}`,
        text: `Open ${link}`,
      }),
      invitation: async ({ team = "" }) => {
        await Promise.resolve();
        return {
          subject: `Join ${team}`,
          text: "Join.",
          html: "<b>Join.</b>",
          attachments: [{ path: "/etc/passwd" }],
          bcc: "eve@example.com",
        };
      },
    },
  });

  test("replace ours", async () => {
    const values = { username: "ada", link: LINK };
    const mail = await receive(gate, { template: "reset-password", values, locale: "fr-CA" });
    expect([mail.subject, mail.text?.trim(), mail.html]).toEqual([
      "ada: fr-CA",
      `Open ${LINK}`,
      false,
    ]);
  });

  test("leave the others as they are", async () => {
    const { subject } = await receive(gate, { template: "password-changed" });
    expect(subject).toBe("Your password was changed");
  });

  test("may have additional names, and give nothing but a subject, text and HTML", async () => {
    const mail = await receive(gate, { template: "invitation", values: { team: "Engines" } });
    expect([mail.subject, mail.text?.trim(), mail.html]).toEqual([
      "Join Engines",
      "Join.",
      "<b>Join.</b>",
    ]);
    expect(mail.attachments).toEqual([]);
    expect(mail.recipients).toEqual([TO]);
  });

  test.each(["\r\nBcc: eve@example.com", "\nX-Evil: 1", "\r\n\r\nbody"])(
    "cannot add a header by a subject with %j",
    async (evil) => {
      const mail = await receive(gate, { template: "invitation", values: { team: `x${evil}` } });
      expect(mail.recipients).toEqual([TO]);
      expect([...mail.headers.keys()].sort()).toEqual(
        [
          ...["auto-submitted", "from", "to", "subject", "message-id", "date"],
          ...["mime-version", "content-type"],
        ].sort(),
      );
      expect(mail.text?.trim()).toBe("Join.");
    },
  );
});
