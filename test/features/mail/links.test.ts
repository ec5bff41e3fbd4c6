import { request } from "node:http";
import { text } from "node:stream/consumers";
import { afterAll, beforeEach, describe, expect, test } from "@jest/globals";
import type { MailPurpose } from "../../../src/features/mail/index.js";
import { type Gate, type GateOptions, setUpGate } from "../../support/gate.js";
import { MailServer } from "../../support/mail-server.js";

const smtp = await MailServer.start();
const SMTP = { smtpUrl: smtp.url, mailFrom: "no-reply@example.com" };

beforeEach(() => {
  smtp.reset();
});

afterAll(() => smtp.close());

/** Sends a mail for a purpose, and returns its link. */
async function linkFor(gate: Gate, purpose: MailPurpose): Promise<string> {
  smtp.reset();
  const address = "ada@example.com";
  const user = await gate.auth.accounts.findUser({ username: "ada" });
  const userId = user?.id ?? (await gate.user("ada", { email: address }));
  await gate.core.sql.inTransaction(async (run) => {
    const { mail } = gate.auth;
    const tokenId = await mail.tokens.issue(run, { purpose, userId, address, lifetime: 60 });
    await mail.queue(run, { template: "reset-password", to: address, tokenId });
  });
  gate.auth.mail.wake();
  const [mail] = await smtp.mailsTo(address);
  const [link = ""] = /https?:\S+/.exec(mail?.text ?? "") ?? [];
  expect(mail?.html).toContain(`<a href="${link.replaceAll("&", "&amp;")}">`);
  return link;
}

function describeLinks(what: string, options: GateOptions, block: (gate: Gate) => void): void {
  describe(what, () => {
    block(setUpGate({ ...SMTP, ...options }));
  });
}

describeLinks("with PUBLIC_URL", { publicUrl: "https://auth.example.org" }, (gate) => {
  test.each([
    ["verifyEmail", "/verify-email"],
    ["resetPassword", "/reset-password"],
    ["confirmEmailChange", "/confirm-email"],
  ] as const)("the link to %s opens %s at that URL", async (purpose, path) => {
    const link = new URL(await linkFor(gate, purpose));
    expect(link.origin + link.pathname).toBe(`https://auth.example.org${path}`);
    expect([...link.searchParams.keys()]).toEqual(["token"]);
    expect(link.searchParams.get("token")).toMatch(/^[\w-]{43}$/);
  });

  test("RC-3: a request with a forged Host changes no link", async () => {
    const { port } = new URL(gate.url);
    const headers = {
      host: "evil.example",
      "x-forwarded-host": "evil.example",
      forwarded: "host=evil.example",
      "content-type": "application/json",
    };
    await new Promise<void>((resolve, reject) => {
      request({ port, path: "/graphql", method: "POST", headers }, (response) => {
        text(response).then(() => {
          resolve();
        }, reject);
      })
        .on("error", reject)
        .end(JSON.stringify({ query: "{ me { id } }" }));
    });
    await linkFor(gate, "resetPassword");
    const [mail] = smtp.mails;
    expect(mail?.source).toContain("https://auth.example.org/reset-password");
    expect(mail?.source).not.toContain("evil");
  });
});

describeLinks("without PUBLIC_URL in development", { publicUrl: undefined }, (gate) => {
  test("links open pages of the address that the server listens on", async () => {
    expect(await linkFor(gate, "verifyEmail")).toMatch(`${gate.url}/verify-email?token=`);
  });
});

const LINKS = {
  verifyEmail: "https://app.example.com/welcome?lang=en&key={token}#top",
  resetPassword: (token: string) => `https://app.example.com/new-password/${token}`,
};

describeLinks("with the option links", { links: LINKS }, (gate) => {
  test("a URL gets the token in place of {token}", async () => {
    const link = await linkFor(gate, "verifyEmail");
    expect(link).toMatch(/^https:\/\/app\.example\.com\/welcome\?lang=en&key=[\w-]{43}#top$/);
  });

  test("a function gets the token and returns the link", async () => {
    const link = await linkFor(gate, "resetPassword");
    expect(link).toMatch(/^https:\/\/app\.example\.com\/new-password\/[\w-]{43}$/);
  });

  test("a purpose that the option leaves out has its usual link", async () => {
    const link = await linkFor(gate, "confirmEmailChange");
    expect(link).toMatch(/^https:\/\/auth\.example\.com\/confirm-email\?token=/);
  });
});
