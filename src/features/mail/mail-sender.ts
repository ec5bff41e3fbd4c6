import { NO_CLIENT, warn } from "../../events.js";
import type { SqlValue } from "../../sql.js";
import { withinTime } from "../../within-time.js";
import type { CoreServices } from "../feature.js";
import type { Links } from "./links.js";
import type { MailTokens } from "./mail-tokens.js";
import type { MailTemplate, MailValues } from "./templates.js";
import { faultOf, type Message, type Transport } from "./transport.js";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** How long one attempt may take. */
const ATTEMPT_TIMEOUT = MINUTE;
/** How long a claim holds. If the instance has died by then, another one sends the mail. Longer than an attempt. */
const CLAIM = 2 * MINUTE;
/** The pauses between two attempts. They double. */
const RETRY = { first: MINUTE, max: 4 * HOUR };
/** How long a mail is tried. */
const GIVE_UP = 72 * HOUR;
/** How many mails an instance sends at the same time. */
const LANES = 4;
/** How many due mails one statement reads. */
const BATCH = 20;
/** How long closing waits for attempts that are running, and then for their end. Together less than 5 seconds. */
const CLOSE_TIMEOUTS = [3.5 * SECOND, SECOND] as const;

/** A row of the outbox. */
interface OutboxRow {
  readonly id: string;
  readonly template: string;
  readonly recipient: string;
  readonly locale: string | null;
  readonly data: string;
  readonly userId: string | null;
  readonly tokenId: string | null;
  readonly queuedAt: number | string;
  readonly attempts: number;
}

/** What {@link MailSender} uses. */
export interface SenderParts {
  readonly core: Pick<CoreServices, "sql" | "now" | "onEvent">;
  readonly tokens: MailTokens;
  readonly links: Links;
  readonly templates: ReadonlyMap<string, MailTemplate>;
  readonly transport: Transport;
  readonly from: string;
}

/**
 * Sends the mails of the outbox. All instances may do so at the same time: one conditional `UPDATE` claims a mail. A
 * mail that is sent leaves the table. If an instance dies, its claims expire.
 */
export class MailSender {
  readonly #parts: SenderParts;
  readonly #closing = new AbortController();
  #isWoken = false;
  #isClosed = false;
  #running: Promise<void> | undefined;

  constructor(parts: SenderParts) {
    this.#parts = parts;
  }

  /** Sends the mails that are due. Returns at once, and never throws. */
  wake(): void {
    // Only a server knows its address. It sends the mails that a command has queued.
    if (this.#isClosed || !this.#parts.links.areKnown) return;
    this.#isWoken = true;
    this.#running ??= this.#run();
  }

  /** Claims no more mails, and waits less than 5 seconds for those that are being sent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const running = this.#running ?? Promise.resolve();
    const [wait, end] = CLOSE_TIMEOUTS;
    await withinTime(running, wait, () => {
      this.#closing.abort();
      return withinTime(running, end, () => undefined);
    });
  }

  async #run(): Promise<void> {
    try {
      while (this.#isWoken && !this.#isClosed) {
        this.#isWoken = false;
        await this.#sendDue();
      }
    } catch (error) {
      warn(error);
    } finally {
      this.#running = undefined;
    }
  }

  async #sendDue(): Promise<void> {
    let isUsable = true;
    const lane = async () => {
      while (isUsable && !this.#isClosed) {
        const row = await this.#claim();
        if (row === undefined) return;
        // The other mails would only wait for the same server in vain.
        if (!(await this.#deliver(row))) isUsable = false;
      }
    };
    await Promise.all(Array.from({ length: LANES }, lane));
  }

  async #claim(): Promise<OutboxRow | undefined> {
    const { sql, now } = this.#parts.core;
    for (;;) {
      const due = await sql.read<{ id: string }>(
        `SELECT id FROM mail_outbox WHERE due_at <= ? ORDER BY due_at LIMIT ${BATCH}`,
        [now()],
      );
      if (due.length === 0) return undefined;
      for (const { id } of due) {
        const [row] = await sql.write<OutboxRow>(
          `UPDATE mail_outbox SET due_at = ?, attempts = attempts + 1 WHERE id = ? AND due_at <= ?
           RETURNING id, template, recipient, locale, data, user_id AS "userId", token_id AS "tokenId",
             queued_at AS "queuedAt", attempts`,
          [now() + CLAIM, id, now()],
        );
        if (row !== undefined) return row;
      }
    }
  }

  /** @returns false if the mail server cannot be used at the moment */
  async #deliver(row: OutboxRow): Promise<boolean> {
    let message: Message | null;
    try {
      message = await this.#render(row);
    } catch (error) {
      warn(error);
      await this.#postpone(row, "template_failed");
      return true;
    }
    if (message === null) {
      await this.#giveUp(row, "link_not_valid");
      return true;
    }
    try {
      const { transport } = this.#parts;
      const signal = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(ATTEMPT_TIMEOUT)]);
      await transport.send(message, signal);
    } catch (error) {
      const { code, isPermanent, isOfServer } = faultOf(error);
      if (isPermanent) await this.#giveUp(row, code);
      else await this.#postpone(row, code);
      return !isOfServer;
    }
    await this.#delete(row);
    return true;
  }

  /** @returns null if the mail's link does not work any more */
  async #render(row: OutboxRow): Promise<Message | null> {
    const { tokens, links, templates, from } = this.#parts;
    const { id, template: name, recipient: to, locale, data, tokenId } = row;
    const values = JSON.parse(data) as MailValues;
    const found = tokenId === null ? undefined : await tokens.derive(tokenId);
    if (found === null) return null;
    const link = found === undefined ? values["link"] : links.to(found.purpose, found.token);
    const template = templates.get(name);
    if (template === undefined) throw new Error(`There is no mail template ${name}.`);
    const rendered = await template(link === undefined ? values : { ...values, link }, locale);
    const { subject, text, html } = rendered;
    const mail = html === undefined ? { subject, text } : { subject, text, html };
    return { ...mail, id, template: name, from, to, queuedAt: Number(row.queuedAt), link };
  }

  async #postpone(row: OutboxRow, code: string): Promise<void> {
    const now = this.#parts.core.now();
    if (now - Number(row.queuedAt) >= GIVE_UP) return this.#giveUp(row, code);
    const pause = Math.min(RETRY.first * 2 ** (row.attempts - 1), RETRY.max);
    // Unless the claim has expired, and another instance is sending the mail.
    await this.#write(
      "UPDATE mail_outbox SET due_at = ? WHERE id = ? AND attempts = ? RETURNING id",
      [now + pause, row.id, row.attempts],
    );
    this.#report("mail:delayed", row, code);
  }

  async #giveUp(row: OutboxRow, code: string): Promise<void> {
    await this.#delete(row);
    this.#report("mail:failed", row, code);
  }

  async #delete({ id }: OutboxRow): Promise<void> {
    await this.#write("DELETE FROM mail_outbox WHERE id = ? RETURNING id", [id]);
  }

  async #write(statement: string, parameters: SqlValue[]): Promise<void> {
    await this.#parts.core.sql.write(statement, parameters);
  }

  #report(
    type: "mail:delayed" | "mail:failed",
    { template, attempts, userId }: OutboxRow,
    code: string,
  ): void {
    const details = { template, attempts, code };
    const event = userId === null ? { type, details } : { type, userId, details };
    this.#parts.core.onEvent(event, NO_CLIENT);
  }
}
