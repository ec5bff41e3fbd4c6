import { existsSync } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { simpleParser } from "mailparser";
import { setUpFolders } from "../../support/command.js";
import { eventually } from "../../support/eventually.js";
import { setUpFreshGate } from "../../support/gate.js";
import { tokenIn } from "../../support/mail-server.js";

describe("in development without SMTP_URL", () => {
  const gate = setUpFreshGate({ publicUrl: undefined });

  const folder = () => join(dirname(gate.databasePath), "mail");
  const files = async () => (existsSync(folder()) ? await readdir(folder()) : []);

  test("a mail is a file beside the database, which only its owner can read, and its link works", async () => {
    const address = "ada@example.com";
    const userId = await gate.user("ada", { email: address });
    expect(existsSync(folder())).toBe(false);
    await gate.core.sql.inTransaction(async (run) => {
      const { mail } = gate.auth;
      const token = { purpose: "verifyEmail", userId, address, lifetime: 60 } as const;
      const tokenId = await mail.tokens.issue(run, token);
      const values = { username: "ada" };
      await mail.queue(run, { template: "verify-email", to: address, tokenId, values });
    });
    gate.auth.mail.wake();
    await eventually(async () => (await files()).some((name) => name.endsWith(".eml")));
    const [name = "", ...others] = await files();
    expect(others).toEqual([]);
    const time = new Date(gate.now).toISOString().replaceAll(/[:.]/g, "-");
    expect(name).toMatch(new RegExp(`^${time}-verify-email-[0-9a-f]{8}\\.eml$`));
    expect((await stat(join(folder(), name))).mode & 0o777).toBe(0o600);
    expect((await stat(folder())).mode & 0o777).toBe(0o700);
    const mail = await simpleParser(await readFile(join(folder(), name)));
    expect(mail.to).toMatchObject({ value: [{ address }] });
    expect(mail.subject).toBe("Confirm your e-mail address");
    expect(mail.text).toContain(`${gate.url}/verify-email?token=`);
    const used = gate.core.sql.inTransaction((run) =>
      gate.auth.mail.tokens.consume(run, { purpose: "verifyEmail", token: tokenIn(mail.text) }),
    );
    expect(await used).toMatchObject({ userId, address });
  });

  test("each mail is one file, even with several instances over one database", async () => {
    const other = await gate.another();
    for (const index of [1, 2, 3, 4, 5, 6]) {
      const { mail } = index % 2 === 0 ? gate.auth : other.auth;
      await mail.send({ template: "password-changed", to: `user${index}@example.com` });
    }
    await eventually(async () => (await gate.sql("SELECT id FROM mail_outbox")).length === 0);
    expect(await files()).toHaveLength(6);
  });
});

describe("gatehouse serve", () => {
  const folders = setUpFolders();

  test("says where mails go, and logs one line for each mail, with its file and its link", async () => {
    const folder = await folders.empty();
    const first = await folder.serve();
    const path = join(folder.path, "data/mail");
    await eventually(() => first.output.includes(`Mails: written to ${path}`));
    await first.stop();
    // This mail was queued by a server that then died.
    await folder.sql(
      `INSERT INTO mail_outbox (id, template, recipient, data, queued_at, due_at) VALUES
       ('0123456789abcdef', 'verify-email', 'ada@example.com', '{"link":"http://127.0.0.1/a?token=b"}', 0, 0)`,
    );
    const { output } = await folder.serve().then(async (server) => {
      await eventually(() => server.output.includes("Mail verify-email"));
      return server;
    });
    const [line = ""] = output.split("\n").filter((text) => text.includes("Mail verify-email"));
    expect((JSON.parse(line) as { msg: string }).msg).toBe(
      `Mail verify-email: ${path}/1970-01-01T00-00-00-000Z-verify-email-01234567.eml http://127.0.0.1/a?token=b`,
    );
    expect(output).not.toContain("ada@example.com");
    expect(await folder.files("data/mail")).toHaveLength(1);
  });

  test("with SMTP_URL names the server, and never prints the password", async () => {
    const folder = await folders.empty();
    const server = await folder.serve({
      SMTP_URL: "smtp://mailer:canary@127.0.0.1:9",
      MAIL_FROM: "no-reply@example.com",
      LOG_LEVEL: "trace",
    });
    await eventually(() => server.output.includes("Mails: sent by 127.0.0.1:9"));
    // A running server could try the mail itself.
    await server.stop();
    await folder.sql(
      `INSERT INTO mail_outbox (id, template, recipient, data, queued_at, due_at) VALUES
       ('0123456789abcdef', 'password-changed', 'ada@example.com', '{}', ${Date.now()}, 0)`,
    );
    const again = await folder.serve({
      SMTP_URL: "smtp://mailer:canary@127.0.0.1:9",
      MAIL_FROM: "no-reply@example.com",
      LOG_LEVEL: "trace",
    });
    await eventually(() => again.output.includes("mail:delayed"));
    expect(again.output).not.toMatch(/canary|ada@example/);
  });
});
