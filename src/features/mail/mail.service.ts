import { createHmac, type KeyObject, randomInt } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { newId } from "../../accounts/id.js";
import { requireNewEmail } from "../../accounts/identifiers.js";
import { ServiceUnavailable } from "../../errors.js";
import { warn } from "../../events.js";
import type { RunStatement } from "../../sql.js";
import type { Limiter } from "../../throttling/limiter.js";
import type { CoreServices } from "../feature.js";
import { MailSender, type SenderParts } from "./mail-sender.js";
import { MailTokens, type NewMailToken } from "./mail-tokens.js";
import type { MailTemplateName, MailValues } from "./templates.js";

/** A mail to send. */
export interface OutgoingMail {
  /** The name of one of our templates, or of one in the setting `mailTemplates`. */
  readonly template: MailTemplateName | (string & {});
  /** One e-mail address. */
  readonly to: string;
  /**
   * The language of the recipient, such as `de`.
   * @default null: the locale of the user `userId`, and English if there is none
   */
  readonly locale?: string | null;
  /** The id of the user whom the mail is about, for the audit trail. @default null */
  readonly userId?: string | null;
  /** The values of the template. They are stored until the mail is sent, so they must hold no secret. @default none */
  readonly values?: MailValues;
  /** The id of the token whose link the template gets as `link`. @default null */
  readonly tokenId?: string | null;
}

/** The work of {@link Mail.later} waits a random time between these two, in milliseconds. */
const DELAY = { min: 50, max: 250 };
/** How many calls of {@link Mail.later} may wait. */
const MAX_WAITING = 1000;
/** When too many calls wait, clients should retry after this many seconds. */
const RETRY_AFTER = 5;

/** The limits on mails with a link, for each account and for each address. */
const LIMITS = [
  { name: "mails-per-minute", limit: 1, window: 60 },
  { name: "mails-per-hour", limit: 5, window: 3600 },
];

/**
 * Sends mails through a table, the outbox. A mail is stored in the transaction of its cause, and sent after the commit.
 * If that fails, it is tried again for three days. Each mail is sent at least once: if a process dies after the mail
 * server has accepted a mail, the mail is sent again, with the same `Message-ID`.
 */
export class Mail {
  /** The tokens of links in mails. */
  readonly tokens: MailTokens;
  readonly #sql: CoreServices["sql"];
  readonly #now: () => number;
  readonly #key: KeyObject | undefined;
  readonly #templates: SenderParts["templates"];
  readonly #limiters: readonly Limiter[];
  readonly #sender: MailSender;
  #waiting = 0;
  #work: Promise<unknown> = Promise.resolve();

  /** @internal */
  constructor(
    core: Pick<CoreServices, "sql" | "now" | "onEvent" | "deriveKeys" | "createLimiter">,
    parts: Omit<SenderParts, "core" | "tokens">,
  ) {
    const keys = core.deriveKeys("mail");
    this.tokens = new MailTokens(core.sql, core.now, keys);
    this.#sql = core.sql;
    this.#now = core.now;
    this.#key = keys[0];
    this.#templates = parts.templates;
    this.#limiters = LIMITS.map((rule) => core.createLimiter(rule));
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
    await this.queue((statement, parameters) => this.#sql.write(statement, parameters), mail);
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
   * Stores a mail with a link in the caller's transaction. The link carries a new token, which proves the address `to`.
   * Unless the mail says otherwise, its language is that of the token's user.
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

  /** @param readerId the id of the user whose language the mail has, if the mail names none */
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

  /** Sends the mails that are due. Returns at once, and never throws. */
  wake(): void {
    this.#sender.wake();
  }

  /**
   * Counts a mail with a link. Each address and each account may get one such mail a minute, and five an hour. Call
   * this before the transaction. If it returns false, do not queue the mail. Give the client the usual answer, unless
   * the client may learn whether the address has an account.
   * @returns whether the mail may be queued
   * @throws {@link BadUserInput} when `address` is not one e-mail address
   */
  async allows({
    address,
    userId = null,
  }: {
    readonly address: string;
    readonly userId?: string | null;
  }): Promise<boolean> {
    const account = userId === null ? [] : [`account:${userId}`];
    const keys = [...account, `address:${requireNewEmail(address)}`].map((text) =>
      this.#hash(text),
    );
    for (const limiter of this.#limiters) {
      for (const key of keys) if ((await limiter.consume(key)) > 0) return false;
    }
    return true;
  }

  /**
   * Runs work a moment later, so that the response does not wait for it. Otherwise the response time would reveal
   * whether a mail was sent, and so whether an address has an account. A crash before the work has run loses it.
   * @throws {@link ServiceUnavailable} when too much work waits
   */
  later(work: () => Promise<void>): void {
    if (this.#waiting >= MAX_WAITING) throw new ServiceUnavailable(RETRY_AFTER);
    this.#waiting += 1;
    const due = sleep(randomInt(DELAY.min, DELAY.max));
    this.#work = Promise.all([due, this.#work])
      .then(work)
      .catch(warn)
      .then(() => {
        this.#waiting -= 1;
      });
  }

  /**
   * Waits for the work of {@link Mail.later}.
   * @internal
   */
  async idle(): Promise<void> {
    await this.#work;
  }

  /** @internal */
  async close(): Promise<void> {
    await this.idle();
    await this.#sender.close();
  }

  /** Hashes with a key, so that the store of counters does not reveal addresses. */
  #hash(text: string): string {
    if (this.#key === undefined) throw new TypeError("There is no key.");
    return createHmac("sha256", this.#key).update(text).digest("base64url");
  }
}
