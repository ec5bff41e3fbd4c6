import { NO_CLIENT, warn } from "../../events.js";
import type { Measurement } from "../../maintenance/measurement.js";
import { type Fault, Outbox, type OutboxRow } from "../../maintenance/outbox.js";
import type { CoreServices } from "../feature.js";
import type { Links, MailPurpose } from "./links.js";
import { codeOf, type MailTokens } from "./mail-tokens.js";
import type { MailTemplate, MailValues } from "./templates.js";
import { faultOf, type Message, type Transport } from "./transport.js";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** The number of due mails that one statement reads. */
const BATCH = 20;

interface MailRow extends OutboxRow {
  readonly template: string;
  readonly recipient: string;
  readonly locale: string | null;
  readonly data: string;
  readonly userId: string | null;
  readonly tokenId: string | null;
}

export interface SenderParts {
  readonly core: Pick<CoreServices, "sql" | "now" | "onEvent" | "spans">;
  readonly tokens: MailTokens;
  readonly links: Links;
  readonly templates: ReadonlyMap<string, MailTemplate>;
  readonly transport: Transport;
  readonly from: string;
}

export class MailSender {
  readonly #parts: SenderParts;
  readonly #outbox: Outbox<MailRow>;

  constructor(parts: SenderParts) {
    this.#parts = parts;
    const { sql } = parts.core;
    this.#outbox = new Outbox<MailRow>(parts.core, {
      table: "mail_outbox",
      columns: `template, recipient, locale, data, user_id AS "userId", token_id AS "tokenId"`,
      retry: { first: MINUTE, max: 4 * HOUR },
      giveUp: 72 * HOUR,
      attemptTimeout: MINUTE,
      lanes: 4,
      findDue: (now) =>
        sql.read(`SELECT id FROM mail_outbox WHERE due_at <= ? ORDER BY due_at LIMIT ${BATCH}`, [
          now,
        ]),
      deliver: (row, signal) => this.#deliver(row, signal),
      onFault: (row, code, isGivenUp) => {
        this.#report(isGivenUp ? "mail:failed" : "mail:delayed", row, code);
      },
    });
  }

  /** Sends the mails that are due. Returns at once, and never throws. */
  wake(): void {
    // A command may not know the URL that links begin with. It then leaves the mails to a server.
    if (this.#parts.links.areKnown) this.#outbox.wake();
  }

  get measurements(): readonly Measurement[] {
    return this.#outbox.measurements;
  }

  /** Stops claiming mails, and waits for the mails that are being sent. @param timeout in milliseconds */
  async close(timeout: number): Promise<void> {
    await this.#outbox.close(timeout);
  }

  async #deliver(row: MailRow, signal: AbortSignal): Promise<Fault | null> {
    let message: Message | null;
    try {
      message = await this.#render(row);
    } catch (error) {
      warn(error);
      return { code: "template_failed", isPermanent: false, isOfServer: false };
    }
    if (message === null) return { code: "link_not_valid", isPermanent: true, isOfServer: false };
    try {
      await this.#parts.transport.send(message, signal);
      return null;
    } catch (error) {
      return faultOf(error);
    }
  }

  /** @returns null if the mail's link does not work any more */
  async #render(row: MailRow): Promise<Message | null> {
    const { tokens, templates, from } = this.#parts;
    const { id, template: name, recipient: to, locale, data, tokenId } = row;
    const values = JSON.parse(data) as MailValues;
    const found = tokenId === null ? undefined : await tokens.derive(tokenId);
    if (found === null) return null;
    const given = found === undefined ? values : { ...values, ...this.#secretsOf(found) };
    const template = templates.get(name);
    if (template === undefined) throw new Error(`There is no mail template ${name}.`);
    const rendered = await template(given, locale);
    const { subject, text, html } = rendered;
    const mail = html === undefined ? { subject, text } : { subject, text, html };
    return {
      ...mail,
      id,
      template: name,
      from,
      to,
      queuedAt: row.queuedAt,
      link: given["link"],
    };
  }

  /** Returns the link and the code for the template. The database must not contain these values. */
  #secretsOf({ purpose, token }: { purpose: MailPurpose; token: string }): MailValues {
    const link = this.#parts.links.to(purpose, token);
    return {
      ...(link !== undefined && { link }),
      ...(purpose === "loginWithCode" && { code: codeOf(token) }),
    };
  }

  #report(
    type: "mail:delayed" | "mail:failed",
    { template, attempts, userId }: MailRow,
    code: string,
  ): void {
    const details = { template, attempts, code };
    const event = userId === null ? { type, details } : { type, userId, details };
    this.#parts.core.onEvent(event, NO_CLIENT);
  }
}
