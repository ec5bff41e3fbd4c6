import { afterAll, describe, expect, test } from "@jest/globals";
import type { SMTPServerOptions } from "smtp-server";
import { eventually } from "../../support/eventually.js";
import { Gate } from "../../support/gate.js";
import { MailServer } from "../../support/mail-server.js";

const PASSWORD = "canary/of:the@mail server";
const USER = `mailer:${encodeURIComponent(PASSWORD)}`;

const servers: MailServer[] = [];

afterAll(async () => {
  for (const server of servers) await server.close();
});

async function startServer(options: SMTPServerOptions): Promise<MailServer> {
  const server = await MailServer.start(options);
  servers.push(server);
  return server;
}

/** Sends a mail. Returns null if it leaves, or the code of the event if it is delayed. */
async function sendBy(smtpUrl: string): Promise<string | null> {
  const gate = await Gate.open({ smtpUrl, mailFrom: "no-reply@example.com" });
  try {
    await gate.auth.mail.send({ template: "password-changed", to: "ada@example.com" });
    const isEmpty = async () => (await gate.sql("SELECT id FROM mail_outbox")).length === 0;
    await eventually(async () => gate.events.length > 0 || (await isEmpty()));
    expect(JSON.stringify(gate.events)).not.toContain("canary");
    const [event] = gate.events as { details?: { code?: string } }[];
    return event?.details?.code ?? null;
  } finally {
    await gate.close();
  }
}

describe("a server that needs TLS and a password", () => {
  const start = () =>
    startServer({
      secure: true,
      authOptional: false,
      onAuth: ({ username, password }, _session, done) => {
        if (username === "mailer" && password === PASSWORD) done(null, { user: username });
        else done(Object.assign(new Error(`Not ${password}.`), { responseCode: 535 }));
      },
    });

  test("gets both from SMTP_URL", async () => {
    const { port, mails } = await start();
    const url = `smtps://${USER}@127.0.0.1:${port}?tls.rejectUnauthorized=false`;
    expect(await sendBy(url)).toBeNull();
    expect(mails).toHaveLength(1);
  });

  test("gets no password if its certificate is not trusted", async () => {
    const { port, mails } = await start();
    expect(await sendBy(`smtps://${USER}@127.0.0.1:${port}`)).toBe("ESOCKET");
    expect(mails).toEqual([]);
  });

  test("and refuses the password: the mail waits, and no event has the password", async () => {
    const { port, mails } = await start();
    const url = `smtps://mailer:canary@127.0.0.1:${port}?tls.rejectUnauthorized=false`;
    expect(await sendBy(url)).toBe("535");
    expect(mails).toEqual([]);
  });
});

describe("a server on another machine", () => {
  // This address reaches the same machine, but does not count as loopback.
  const HOST = "0.0.0.0";

  test("gets no mail without STARTTLS", async () => {
    const { port, mails } = await startServer({});
    expect(await sendBy(`smtp://${HOST}:${port}`)).toMatch(/^E?TLS|^5\d\d$/);
    expect(mails).toEqual([]);
  });

  test("gets mails without STARTTLS if SMTP_URL says so", async () => {
    const { port, mails } = await startServer({});
    expect(await sendBy(`smtp://${HOST}:${port}?requireTLS=false`)).toBeNull();
    expect(mails).toHaveLength(1);
  });

  test("gets mails by STARTTLS", async () => {
    const { port, mails } = await startServer({ disabledCommands: [] });
    expect(await sendBy(`smtp://${HOST}:${port}?tls.rejectUnauthorized=false`)).toBeNull();
    expect(mails).toHaveLength(1);
  });
});
