import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { createAuth, createServer, defineFeature } from "graphql-gatehouse";
import { createDatabase, type TestDatabase } from "../../support/databases.js";
import { MailServer } from "../../support/mail-server.js";
import { runNode } from "../../support/node-process.js";
import {
  refusedByAuth,
  refusedByCommand,
  refusedByServer,
  SECRET_KEY,
} from "../../support/wrong-settings.js";

const SMTP = { smtpUrl: "smtp://mailer:canary@mail.example.com:587" };
const FROM = { mailFrom: "Example <no-reply@example.com>" };
const PUBLIC = { publicUrl: "https://auth.example.com" };
const SENDER = "must be an address such as Example <no-reply@example.com>";
const LINKS =
  "must be an object with verifyEmail, resetPassword, confirmEmailChange or loginWithCode: a URL with {token} in it, or a function";
const ALL_LINKS = {
  verifyEmail: "https://app.example.com/verify#{token}",
  resetPassword: () => "https://app.example.com/reset",
  confirmEmailChange: "https://app.example.com/confirm#{token}",
};

describe("a wrong option is refused, and its value is not repeated:", () => {
  test.each<[option: string, value: unknown, message: string]>([
    ["smtpUrl", "mail.example.com", "must be smtp://… or smtps://…"],
    ["smtpUrl", "https://canary@mail.example.com", "must be smtp://… or smtps://…"],
    ["smtpUrl", "smtp://", "must be smtp://… or smtps://…"],
    ["smtpUrl", "smtp:///mail", "must be smtp://… or smtps://…"],
    ["mailFrom", "Example", SENDER],
    ["mailFrom", "a@example.com, b@example.com", SENDER],
    ["mailFrom", "Example <a@example.com>\r\nBcc: b@example.com", SENDER],
    ["mailFrom", "Exa\r\nmple <a@example.com>", SENDER],
    ["links", "https://app.example.com/{token}", LINKS],
    ["links", null, LINKS],
    ["links", { verify: "https://app.example.com/{token}" }, LINKS],
    ["links", { verifyEmail: "https://app.example.com/" }, LINKS],
    ["links", { verifyEmail: "/verify?token={token}" }, LINKS],
    ["links", { verifyEmail: "javascript:alert('{token}')" }, LINKS],
    ["links", { verifyEmail: undefined }, LINKS],
    ["mailTemplates", { invitation: "Join us." }, "must be an object with functions"],
    ["mailTemplates", { "../invitation": () => ({}) }, "must be an object with functions"],
  ])("%s: %j", async (option, value, message) => {
    expect(await refusedByServer({ [option]: value })).toEqual([`${option}: ${message}`]);
  });
});

test("an SMTP server needs a sender", async () => {
  expect(await refusedByServer(SMTP)).toEqual(["mailFrom: is required with smtpUrl"]);
  expect(refusedByCommand({ SMTP_URL: SMTP.smtpUrl })).toEqual([
    "MAIL_FROM: is required with SMTP_URL",
  ]);
});

test("links need PUBLIC_URL or the option links where Gatehouse does not know its own address", async () => {
  const refusal = ["publicUrl: or a URL for each page in links is required with smtpUrl"];
  const { verifyEmail, resetPassword } = ALL_LINKS;
  expect(await refusedByAuth({ ...SMTP, ...FROM })).toEqual(refusal);
  expect(await refusedByAuth({ ...SMTP, ...FROM, links: { verifyEmail, resetPassword } })).toEqual(
    refusal,
  );
  expect(await refusedByServer({ ...SMTP, ...FROM, isProduction: true })).toEqual(refusal);
});

describe("with a database", () => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await createDatabase("sqlite");
  });

  afterAll(() => database.drop());

  const options = () => ({ secretKey: SECRET_KEY, databaseUrl: database.url });

  test.each([
    ["PUBLIC_URL", PUBLIC],
    ["all links", { links: ALL_LINKS }],
  ])("an application with %s can send mails", async (_what, given) => {
    const smtp = await MailServer.start();
    const auth = await createAuth({ ...options(), ...FROM, ...given, smtpUrl: smtp.url });
    await auth.mail.send({ template: "password-changed", to: "ada@example.com" });
    expect(await smtp.mailsTo("ada@example.com")).toHaveLength(1);
    await auth.close();
    await smtp.close();
  });

  test("an application without SMTP_URL has no mail", async () => {
    const auth = await createAuth({ ...options(), ...FROM, ...PUBLIC });
    expect(auth.mail).toBeUndefined();
    await auth.close();
  });

  test("a server that is not in development has no mail without SMTP_URL", async () => {
    const server = await createServer({
      ...{ ...options(), ...PUBLIC, port: 0, logLevel: "silent", isProduction: true },
    });
    expect(server.auth.mail).toBeUndefined();
    await server.close();
  });

  test("another feature does not see SMTP_URL", async () => {
    const seen: unknown[] = [];
    const see = (config: object) => {
      seen.push(config);
    };
    const curious = defineFeature({
      name: "curious",
      isOn: (config) => {
        see(config);
        return true;
      },
      findProblems: (config) => {
        see(config);
        return [];
      },
      create: (core, config) => {
        see({ ...core, ...config });
        return {};
      },
    });
    const auth = await createAuth({
      ...{ ...options(), ...SMTP, ...FROM, ...PUBLIC },
      features: [curious],
    });
    await auth.close();
    expect(seen).toHaveLength(3);
    expect(JSON.stringify(seen)).toContain("https://auth.example.com");
    expect(JSON.stringify(seen)).not.toContain("canary");
    expect(JSON.stringify(seen)).not.toContain(SECRET_KEY);
  });
});

test("the mail library is loaded with the first mail, and not before", async () => {
  const folder = await mkdtemp(join(tmpdir(), "mail-"));
  const smtp = await MailServer.start();
  const hook = `export async function resolve(name, context, next) {
    if (name === "nodemailer") process._rawDebug("loaded");
    return next(name, context);
  }`;
  const script = `
    import { register } from "node:module";
    register("data:text/javascript," + encodeURIComponent(${JSON.stringify(hook)}));
    const { createAuth } = await import("graphql-gatehouse");
    const auth = await createAuth(${JSON.stringify({
      ...{ ...FROM, ...PUBLIC, smtpUrl: smtp.url, secretKey: SECRET_KEY },
      databaseUrl: `sqlite:${join(folder, "mail.sqlite")}`,
    })});
    process._rawDebug("open");
    await auth.mail.send({ template: "password-changed", to: "ada@example.com" });
    await auth.close();`;
  try {
    const ended = await runNode(["--input-type=module", "-e", script], { cwd: process.cwd() });
    expect([ended.code, ended.stderr]).toEqual([0, "open\nloaded\n"]);
    expect(smtp.mails).toHaveLength(1);
  } finally {
    await smtp.close();
    await rm(folder, { recursive: true });
  }
});
