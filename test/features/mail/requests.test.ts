import { afterAll, beforeEach, expect, jest, test } from "@jest/globals";
import { BadUserInput } from "../../../src/errors.js";
import { NO_CLIENT } from "../../../src/events.js";
import type { MailRequest } from "../../../src/features/mail/index.js";
import { eventually } from "../../support/eventually.js";
import { describeFreshGates, type Gate } from "../../support/gate.js";
import { MailServer } from "../../support/mail-server.js";
import { ownTimeOf } from "../../support/measure.js";

const MINUTE = 60;
const DAY = 86_400;
const ADDRESS = "ada@example.com";

interface Given {
  readonly to: string;
}
type Request = MailRequest<Given>;

const smtp = await MailServer.start();
afterAll(() => smtp.close());

describeFreshGates({ smtpUrl: smtp.url, mailFrom: "no-reply@example.com" }, (gate) => {
  beforeEach(() => {
    smtp.reset();
    jest.spyOn(process, "emitWarning").mockImplementation(() => undefined);
  });

  const requestsOf = (handler: (request: Request) => Promise<void>, by: Gate = gate) =>
    by.auth.mail.requestsOf<Given>("test", handler);
  const notify = async (
    { given: { to }, inTransaction }: Request,
    mail: Gate["auth"]["mail"] = gate.auth.mail,
  ) =>
    inTransaction((run) =>
      mail.queue(run, { template: "account-deleted", to, values: { username: "ada" } }),
    );
  const rows = () => gate.sql("SELECT id FROM mail_request");
  const failed = (type: string, attempts: number) => ({
    type,
    details: { request: "test", attempts, code: "request_failed" },
  });

  test("a request that fails is tried again, and is given up after a day", async () => {
    const requests = requestsOf(() => Promise.reject(new Error("no")));
    await requests.store({ to: ADDRESS }, NO_CLIENT);
    await gate.auth.mail.idle();
    await gate.auth.mail.idle();
    expect(gate.events).toEqual([failed("mail:delayed", 1)]);
    gate.advance(MINUTE);
    await gate.auth.mail.idle();
    expect(gate.events.at(-1)).toEqual(failed("mail:delayed", 2));
    expect(await rows()).toHaveLength(1);
    gate.advance(DAY);
    await gate.auth.mail.idle();
    expect(gate.events.at(-1)).toEqual(failed("mail:failed", 3));
    expect(await rows()).toEqual([]);
  });

  test("a request that can never be fulfilled is given up at once", async () => {
    const requests = requestsOf(() => Promise.reject(new BadUserInput("no")));
    await requests.store({ to: ADDRESS }, NO_CLIENT);
    await gate.auth.mail.idle();
    expect(gate.events).toEqual([failed("mail:failed", 1)]);
    expect(await rows()).toEqual([]);
  });

  test("RC-4: a second attempt sends the mail, because the limits have already counted it at the first", async () => {
    let attempts = 0;
    const requests = requestsOf(async (request) => {
      const isAllowed = await request.allows({ purpose: "resetPassword", address: ADDRESS });
      if ((attempts += 1) === 1) throw new Error("no");
      if (isAllowed) await notify(request);
    });
    await requests.store({ to: ADDRESS }, NO_CLIENT);
    await gate.auth.mail.idle();
    gate.advance(MINUTE - 0.001);
    expect(await gate.auth.mail.allows({ purpose: "resetPassword", address: ADDRESS })).toBe(false);
    gate.advance(0.001);
    expect(await gate.auth.mail.allows({ purpose: "resetPassword", address: ADDRESS })).toBe(true);
    await gate.auth.mail.idle();
    await smtp.mailsTo(ADDRESS);
    expect(attempts).toBe(2);
  });

  test("a request takes effect once, even if its claim expires while it is handled", async () => {
    const other = await gate.another();
    const { mail } = other.auth;
    requestsOf((request) => notify(request, mail), other);
    const requests = requestsOf(async (request) => {
      gate.advance(MINUTE);
      await mail.idle();
      await notify(request);
    });
    await requests.store({ to: ADDRESS }, NO_CLIENT);
    await gate.auth.mail.idle();
    await smtp.mailsTo(ADDRESS);
    await requests.store({ to: "last@example.com" }, NO_CLIENT);
    await smtp.mailsTo("last@example.com");
    expect(smtp.mails).toHaveLength(2);
    expect(gate.events).toEqual([]);
  });

  // In these two tests, the second server starts late. It would otherwise claim the rows, too.
  test("a server that closes handles the requests that wait", async () => {
    const { mail } = gate.auth;
    const requests = requestsOf((request) => notify(request, mail));
    await requests.store({ to: ADDRESS }, NO_CLIENT);
    await gate.drain();
    await eventually(async () => (await rows()).length === 0);
    const other = await gate.another();
    // The mail may have been stored too late for the closed server to send it.
    await other.auth.mail.idle();
    await smtp.mailsTo(ADDRESS);
  });

  test("a server closes within 5 seconds, and loses neither a request nor a mail", async () => {
    const { mail } = gate.auth;
    smtp.behaviour = { mailCode: "stalls" };
    await mail.send({ template: "account-deleted", to: ADDRESS, values: { username: "ada" } });
    let giveUp: ((reason: Error) => void) | undefined;
    const stuck = requestsOf(() => new Promise((_resolve, reject) => (giveUp = reject)));
    await stuck.store({ to: "eve@example.com" }, NO_CLIENT);
    await eventually(() => giveUp !== undefined && smtp.seen.length === 1);
    // It takes 4 seconds. If each part had its own limit, it would take 6.
    expect(await ownTimeOf(() => mail.close())).toBeLessThan(5000);
    giveUp?.(new Error("no"));
    await gate.drain();
    smtp.behaviour = {};
    const other = await gate.another();
    requestsOf((request) => notify(request, other.auth.mail), other);
    other.advance(2 * MINUTE);
    other.auth.mail.wake();
    await smtp.mailsTo(ADDRESS);
    await smtp.mailsTo("eve@example.com");
    await eventually(async () => (await rows()).length === 0);
  });

  test("at most 1,000 requests wait", async () => {
    await gate.sql(
      `INSERT INTO mail_request (id, kind, given, client, queued_at, due_at)
       WITH RECURSIVE number (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM number WHERE i < 999)
       SELECT 'x' || i, 'test', '{}', '{}', 0, 9000000000000 FROM number`,
    );
    let isEnough = false;
    // The first request waits until the second one is refused.
    const requests = requestsOf(() => eventually(() => isEnough));
    await requests.store({ to: ADDRESS }, NO_CLIENT);
    await expect(requests.store({ to: ADDRESS }, NO_CLIENT)).rejects.toMatchObject({
      code: "SERVICE_UNAVAILABLE",
    });
    isEnough = true;
  });

  test("RC-4: a new password cancels a link to a new address that is not sent yet", async () => {
    const userId = await gate.user("ada", { email: ADDRESS });
    for (const [index, credentialsVersion] of [1, 0].entries()) {
      const given = JSON.stringify({
        userId,
        credentialsVersion,
        newEmail: `n${index}@example.com`,
      });
      await gate.sql(
        `INSERT INTO mail_request (id, kind, given, client, queued_at, due_at) VALUES (?, 'changeEmail', ?, '{}', 0, 0)`,
        [`request${index}`, given],
      );
      gate.advance(MINUTE);
      await gate.auth.mail.idle();
    }
    await smtp.mailsTo("n1@example.com");
    expect(smtp.mails).toHaveLength(1);
  });
});
