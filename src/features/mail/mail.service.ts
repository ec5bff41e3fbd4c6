import type { KeyObject } from "node:crypto";
import { newId } from "../../accounts/id.js";
import { requireNewEmail } from "../../accounts/identifiers.js";
import type { Measurement } from "../../maintenance/measurement.js";
import { CLOSE_TIMEOUT } from "../../maintenance/outbox.js";
import { type RunStatement, withoutTransaction } from "../../sql.js";
import type { CoreServices } from "../feature.js";
import { type LinkMail, MailLimits } from "./mail-limits.js";
import {
  type MailRequest,
  type MailRequestHandler,
  MailRequestQueue,
  type MailRequests,
} from "./mail-requests.js";
import { MailSender, type SenderParts } from "./mail-sender.js";
import type { MailTemplateName } from "./letters.js";
import { ResetHolds } from "./reset-holds.js";
import { MailTokens, type NewMailToken } from "./mail-tokens.js";
import type { MailValues } from "./templates.js";

/** A mail to send. */
export interface OutgoingMail {
  /** The name of one of Gatehouse's templates, or of a template in the setting `mailTemplates`. */
  readonly template: MailTemplateName | (string & {});
  /** One e-mail address. */
  readonly to: string;
  /**
   * The language of the recipient, such as `de`.
   * @default null: the locale of the user `userId`, or English if that user has no locale
   */
  readonly locale?: string | null;
  /** The id of the user whom the mail is about, for the audit trail. @default null */
  readonly userId?: string | null;
  /** The values for the template. They must not contain a secret, because the database stores them. @default none */
  readonly values?: MailValues;
  /** The id of a token. The template gets the token's link as `link`. @default null */
  readonly tokenId?: string | null;
}

/**
 * Sends mails. A mail is first stored in a table, in the caller's transaction, and sent after the commit. If sending
 * fails, Gatehouse retries for three days. After a crash, a mail may be sent twice, with the same `Message-ID`.
 */
export class Mail {
  readonly tokens: MailTokens;
  /** @internal */
  readonly resetHolds: ResetHolds;
  readonly #sql: CoreServices["sql"];
  readonly #now: () => number;
  readonly #templates: SenderParts["templates"];
  readonly #limits: MailLimits;
  readonly #requests: MailRequestQueue;
  readonly #sender: MailSender;

  /** @internal */
  constructor(
    core: Pick<CoreServices, "sql" | "now" | "onEvent" | "spans" | "deriveKeys" | "createLimiter">,
    parts: Omit<SenderParts, "core" | "tokens">,
  ) {
    const keys = core.deriveKeys("mail") as [KeyObject, ...KeyObject[]];
    this.tokens = new MailTokens(core.sql, core.now, keys);
    this.resetHolds = new ResetHolds(core.sql, core.now);
    this.#sql = core.sql;
    this.#now = core.now;
    this.#templates = parts.templates;
    this.#limits = new MailLimits(core.createLimiter, keys[0]);
    this.#requests = new MailRequestQueue(core, (mail) => this.allows(mail));
    this.#sender = new MailSender({ ...parts, core, tokens: this.tokens });
  }

  /**
   * Sends a mail of the application. Returns once the mail is stored.
   * @throws {@link BadUserInput} when `to` is not one e-mail address
   * @throws TypeError when there is no such template
   * @example
   * await auth.mail.send({ template: "invitation", to: "ada@example.com", values: { team: "Engines" } });
   */
  async send(mail: OutgoingMail): Promise<void> {
    await this.queue(withoutTransaction(this.#sql), mail);
    this.wake();
  }

  /**
   * Stores a mail in the caller's transaction. Call {@link Mail.wake} after the commit.
   * @param run runs a statement of the transaction
   * @throws as {@link Mail.send} does
   */
  async queue(run: RunStatement, mail: OutgoingMail): Promise<void> {
    await this.#store(run, mail, mail.userId ?? null);
  }

  /**
   * Stores a mail with a link in the caller's transaction. The link contains a new token, which proves access to the
   * mailbox `to`. By default, the mail is in the language of the token's user.
   * @param run runs a statement of the transaction
   * @throws as {@link Mail.send} and {@link MailTokens.issue} do
   */
  async queueLink(
    run: RunStatement,
    { purpose, userId }: Pick<NewMailToken, "purpose" | "userId">,
    mail: Omit<OutgoingMail, "tokenId">,
  ): Promise<void> {
    const tokenId = await this.tokens.issue(run, { purpose, userId, address: mail.to });
    await this.#store(run, { ...mail, tokenId }, userId);
  }

  /** @param readerId the id of the user whose language is the default, or null */
  async #store(run: RunStatement, mail: OutgoingMail, readerId: string | null): Promise<void> {
    const { template, to, locale = null, userId = null, values = {}, tokenId = null } = mail;
    requireNewEmail(to);
    if (!this.#templates.has(template))
      throw new TypeError(`There is no mail template ${template}.`);
    const now = this.#now();
    await run(
      `INSERT INTO mail_outbox (id, template, recipient, locale, data, user_id, token_id, queued_at, due_at)
       VALUES (?, ?, ?, COALESCE(?, (SELECT locale FROM user_locale WHERE user_id = ?)), ?, ?, ?, ?, ?)
       RETURNING id`,
      [
        ...[newId(), template, to, locale, readerId],
        ...[JSON.stringify(values), userId, tokenId, now, now],
      ],
    );
  }

  /** Starts to send the mails that are due, and to handle the stored requests. Returns at once, and never throws. */
  wake(): void {
    this.#sender.wake();
    this.#requests.wake();
  }

  /**
   * Counts a mail with a link. For each purpose, an address or account may get one mail a minute, and five an hour.
   * Call this before the transaction. If this returns false, do not queue the mail, but send the client the usual
   * response. The response must not reveal whether the address has an account.
   * @returns whether the mail may be queued
   * @throws {@link BadUserInput} when `address` is not one e-mail address
   */
  async allows(mail: LinkMail): Promise<boolean> {
    return this.#limits.allows(mail);
  }

  /**
   * Returns a queue for the requests of a mutation. The handler of a request runs after the response, so the response
   * time does not reveal whether a mail is sent or an address has an account.
   * @param mutation the name of the mutation
   * @param handler queues a mail, or does nothing
   */
  requestsOf<Arguments extends object>(
    mutation: string,
    handler: MailRequestHandler<Arguments>,
  ): MailRequests<Arguments> {
    return this.#requests.of(mutation, async (request: MailRequest<Arguments>) => {
      await handler(request);
      this.#sender.wake();
    });
  }

  /** @internal */
  get measurements(): readonly Measurement[] {
    return [...this.#sender.measurements, ...this.#requests.measurements];
  }

  /**
   * Handles all stored requests.
   * @internal
   */
  async idle(): Promise<void> {
    await this.#requests.idle();
  }

  /**
   * Handles the requests that wait, and waits for the mails that are being sent. Both take less than 5 seconds.
   * Other requests and mails stay in their tables.
   * @internal
   */
  async close(): Promise<void> {
    const end = performance.now() + CLOSE_TIMEOUT;
    // First the requests, because their handlers store mails to send.
    await this.#requests.finish();
    const timeout = end - performance.now();
    await Promise.all([this.#requests.close(timeout), this.#sender.close(timeout)]);
  }
}
