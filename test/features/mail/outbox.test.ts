import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { eventually } from "../../support/eventually.js";
import { describeFreshGates, type Gate, setUpFreshGate } from "../../support/gate.js";
import { MailServer } from "../../support/mail-server.js";
import { ownTimeOf } from "../../support/measure.js";
import { startNode } from "../../support/node-process.js";

const MINUTE = 60;
const HOUR = 60 * MINUTE;

const smtp = await MailServer.start();
const OPTIONS = {
  secretKey: randomBytes(32).toString("base64url"),
  smtpUrl: smtp.url,
  mailFrom: "Example <no-reply@example.com>",
};

afterAll(() => smtp.close());

describeFreshGates(OPTIONS, (gate) => {
  beforeEach(async () => {
    await smtp.close();
    smtp.reset();
    await smtp.listen();
  });

  const notice = (to: string) => ({
    template: "password-changed",
    to,
    values: { username: "ada" },
  });
  const send = (to: string) => gate.auth.mail.send(notice(to));
  const rows = () =>
    gate.sql(`SELECT attempts, due_at AS "dueAt", queued_at AS "queuedAt" FROM mail_outbox`);
  const eventsOf = (type: string) => gate.events.filter((event) => event.type === type);

  /** Waits until sending the mail has been tried this many times. */
  const tried = (times: number) =>
    eventually(() => eventsOf("mail:delayed").length + eventsOf("mail:failed").length === times);

  test("a mail leaves without waiting for the job, and then the outbox is empty", async () => {
    await gate.core.sql.inTransaction((run) =>
      gate.auth.mail.queue(run, notice("ada@example.com")),
    );
    gate.auth.mail.wake();
    const [mail] = await smtp.mailsTo("ada@example.com");
    expect(mail).toMatchObject({
      subject: "Your password was changed",
      from: { value: [{ address: "no-reply@example.com", name: "Example" }] },
      to: { value: [{ address: "ada@example.com", name: "" }] },
      messageId: expect.stringMatching(/^<[0-9a-f]{32}@example\.com>$/),
      date: new Date(Math.floor(gate.now / 1000) * 1000),
    });
    expect(mail?.headers.get("auto-submitted")).toBe("auto-generated");
    expect(mail?.text).toContain("Hello ada,");
    expect(mail?.html).toContain("<p>Hello ada,</p>");
    await eventually(async () => (await rows()).length === 0);
  });

  test("a mail of a transaction that fails is never sent", async () => {
    const failing = gate.core.sql.inTransaction(async (run) => {
      await gate.auth.mail.queue(run, notice("eve@example.com"));
      throw new Error("no");
    });
    await expect(failing).rejects.toThrow("no");
    await send("ada@example.com");
    await smtp.mailsTo("ada@example.com");
    expect(smtp.seen).toHaveLength(1);
  });

  test("two instances send each mail once", async () => {
    const other = await gate.another();
    const addresses = Array.from({ length: 40 }, (_, index) => `user${index}@example.com`);
    await gate.core.sql.inTransaction(async (run) => {
      for (const to of addresses) await gate.auth.mail.queue(run, notice(to));
    });
    for (const { auth } of [gate, other, gate, other]) auth.mail.wake();
    await eventually(async () => (await rows()).length === 0);
    expect(other.events).toEqual([]);
    expect(smtp.mails.flatMap(({ recipients }) => recipients).sort()).toEqual(addresses.sort());
    expect(eventsOf("mail:delayed")).toEqual([]);
  });

  test("a mail to a refused recipient is given up, and other recipients get theirs", async () => {
    smtp.behaviour.recipientCode = (address) => (address.startsWith("gone") ? 550 : 250);
    await send("gone@example.com");
    await send("ada@example.com");
    await smtp.mailsTo("ada@example.com");
    await tried(1);
    await eventually(async () => (await rows()).length === 0);
    expect(gate.events).toEqual([
      { type: "mail:failed", details: { template: "password-changed", attempts: 1, code: "550" } },
    ]);
  });

  test.each([
    ["refuses the mail for now", { mailCode: 451 }, "451"],
    ["refuses the recipient for now", { recipientCode: () => 450 }, "450"],
    ["refuses the content", { mailCode: 554 }, "554"],
    ["dies after it has received the mail", { mailCode: "dies" }, "ECONNECTION"],
  ] as const)("a server that %s gets the same mail again", async (_what, behaviour, code) => {
    smtp.behaviour = behaviour;
    await send("ada@example.com");
    await tried(1);
    expect(eventsOf("mail:delayed")).toEqual([
      { type: "mail:delayed", details: { template: "password-changed", attempts: 1, code } },
    ]);
    smtp.behaviour = {};
    gate.advance(MINUTE - 0.001);
    gate.auth.mail.wake();
    await send("eve@example.com");
    await smtp.mailsTo("eve@example.com");
    expect(smtp.mails).toHaveLength(1);
    gate.advance(0.001);
    gate.auth.mail.wake();
    const [mail] = await smtp.mailsTo("ada@example.com");
    expect(smtp.seen.filter((id) => id !== mail?.messageId)).toHaveLength(1);
  });

  test("a mail waits while the server is away, and other mails are not tried meanwhile", async () => {
    await smtp.close();
    const addresses = Array.from({ length: 20 }, (_, index) => `user${index}@example.com`);
    await gate.core.sql.inTransaction(async (run) => {
      for (const to of addresses) await gate.auth.mail.queue(run, notice(to));
    });
    gate.auth.mail.wake();
    await eventually(async () => {
      const attempts = (await rows()).map((row) => Number(row.attempts));
      const tries = attempts.reduce((sum, count) => sum + count, 0);
      return tries > 0 && gate.events.length === tries;
    });
    // Within this time, the other mails would be tried.
    await sleep(500);
    await smtp.listen();
    const events = gate.events as { details?: { code: string } }[];
    expect(events.every(({ details }) => details?.code === "ESOCKET")).toBe(true);
    expect(events.length).toBeLessThanOrEqual(4);
    gate.advance(MINUTE);
    gate.auth.mail.wake();
    await eventually(async () => (await rows()).length === 0);
    expect(smtp.mails.flatMap(({ recipients }) => recipients).sort()).toEqual(addresses.sort());
  });

  test("the pauses double up to 4 hours, and after 3 days the mail is given up", async () => {
    smtp.behaviour.mailCode = 451;
    await send("ada@example.com");
    const pauses: number[] = [];
    for (let times = 1; eventsOf("mail:failed").length === 0; times += 1) {
      await tried(times);
      const [row] = await rows();
      if (row === undefined) break;
      const pause = (Number(row.dueAt) - gate.now) / 1000;
      pauses.push(pause);
      gate.advance(pause);
      gate.auth.mail.wake();
    }
    const doubling = [1, 2, 4, 8, 16, 32, 64, 128].map((minutes) => minutes * MINUTE);
    expect(pauses.slice(0, 9)).toEqual([...doubling, 4 * HOUR]);
    expect(pauses.slice(8).every((pause) => pause === 4 * HOUR)).toBe(true);
    const total = pauses.reduce((sum, pause) => sum + pause);
    expect(total).toBeGreaterThanOrEqual(72 * HOUR);
    expect(total).toBeLessThan(77 * HOUR);
    expect(await rows()).toEqual([]);
    expect(eventsOf("mail:failed")).toEqual([
      {
        type: "mail:failed",
        details: { template: "password-changed", attempts: pauses.length + 1, code: "451" },
      },
    ]);
  });

  test("a mail is sent by another instance when the one that sends it is killed", async () => {
    smtp.behaviour.mailCode = "stalls";
    const script = `
      import { createAuth } from "graphql-gatehouse";
      const { databaseUrl, smtpUrl, mailFrom, secretKey } = JSON.parse(process.argv[1]);
      const publicUrl = "https://auth.example.com";
      const auth = await createAuth({ databaseUrl, smtpUrl, mailFrom, secretKey, publicUrl });
      await auth.mail.send({ template: "password-changed", to: "ada@example.com" });`;
    const { databaseUrl } = gate;
    const { child, ended } = startNode(
      ["--input-type=module", "-e", script, JSON.stringify({ ...OPTIONS, databaseUrl })],
      { cwd: process.cwd() },
    );
    await eventually(() => smtp.seen.length === 1, 30_000);
    child.kill("SIGKILL");
    await ended;
    smtp.behaviour = {};
    gate.auth.mail.wake();
    await send("eve@example.com");
    await smtp.mailsTo("eve@example.com");
    expect(smtp.mails).toHaveLength(1);
    gate.advance(10 * MINUTE);
    gate.auth.mail.wake();
    const [mail] = await smtp.mailsTo("ada@example.com");
    expect(smtp.seen.filter((id) => id === mail?.messageId)).toHaveLength(2);
    await eventually(async () => (await rows()).length === 0);
  });

  test("closing waits at most 5 seconds for a server that stalls, and loses no mail", async () => {
    const other = await gate.another();
    smtp.behaviour.mailCode = "stalls";
    await other.auth.mail.send(notice("ada@example.com"));
    await eventually(() => smtp.seen.length === 1);
    // Without a limit, the attempt would end after 30 seconds.
    expect(await ownTimeOf(() => other.close())).toBeLessThan(15_000);
    // The mail is due a minute later, so the attempt has ended in the usual way.
    expect((await rows()).map(({ dueAt }) => Number(dueAt) - gate.now)).toEqual([MINUTE * 1000]);
    smtp.behaviour = {};
    gate.advance(10 * MINUTE);
    gate.auth.mail.wake();
    await smtp.mailsTo("ada@example.com");
  });

  test("closing waits for a mail that is being sent", async () => {
    const other = await gate.another();
    await other.auth.mail.send(notice("ada@example.com"));
    await other.close();
    const left = await rows();
    expect(left.length + smtp.mails.length).toBe(1);
    expect(left.every(({ attempts }) => Number(attempts) === 0)).toBe(true);
  });

  test("a template that fails delays only its own mail", async () => {
    const failing = {
      broken: () => {
        throw new SyntaxError("Expected property name");
      },
    };
    const other = await gate.another({ mailTemplates: failing });
    const warning = jest.spyOn(process, "emitWarning").mockImplementation(() => undefined);
    await other.auth.mail.send({ template: "broken", to: "eve@example.com" });
    await other.auth.mail.send(notice("ada@example.com"));
    await smtp.mailsTo("ada@example.com");
    await eventually(() => other.events.length > 0);
    expect(warning.mock.calls).toEqual([
      ["Expected property name", { type: "SyntaxError", detail: expect.any(String) }],
    ]);
    warning.mockRestore();
    expect(other.events).toMatchObject([{ details: { code: "template_failed" } }]);
  });
});

describe("a server that does not greet", () => {
  const gate: Gate = setUpFreshGate(OPTIONS);

  test("costs one attempt, and no more than 10 seconds", async () => {
    smtp.reset();
    smtp.behaviour.isMute = true;
    await gate.auth.mail.send({ template: "password-changed", to: "ada@example.com" });
    await eventually(() => gate.events.length === 1, 15_000);
    expect(gate.events).toMatchObject([{ type: "mail:delayed", details: { code: "ETIMEDOUT" } }]);
  });
});
