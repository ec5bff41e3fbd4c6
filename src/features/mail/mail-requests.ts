import { randomInt } from "node:crypto";
import { newId } from "../../accounts/id.js";
import { BadUserInput, ServiceUnavailable } from "../../errors.js";
import { type Client, NO_CLIENT, warn } from "../../events.js";
import type { Measurement } from "../../maintenance/measurement.js";
import { type Fault, Outbox, type OutboxRow } from "../../maintenance/outbox.js";
import type { RunStatement } from "../../sql.js";
import { withinTime } from "../../within-time.js";
import type { CoreServices } from "../feature.js";
import type { LinkMail } from "./mail-limits.js";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** A request is handled after a random delay, in milliseconds. */
const DELAY = { min: 50, max: 250 };
/** How many requests may wait at most. */
const MAX_WAITING = 1000;
/** Seconds after which clients should retry if too many requests wait. */
const RETRY_AFTER = 5;
/** How many due requests one statement reads at most. */
const BATCH = 20;
/** How long `finish` waits for requests that are not handled yet, in milliseconds. */
const FINISH_TIMEOUT = 2000;

/** A request for a mail. */
export interface MailRequest<Arguments> {
  readonly given: Arguments;
  readonly client: Client;
  /**
   * Counts a mail with a link, and returns whether it may be sent, as {@link Mail.allows} does. Returns true in a retry
   * of the handler, because an earlier run may have counted the mail.
   */
  allows(this: void, mail: LinkMail): Promise<boolean>;
  /** Runs a transaction that also deletes the request. So `use` takes effect only once, even after a crash. */
  inTransaction(this: void, use: (run: RunStatement) => Promise<void>): Promise<void>;
}

/** Stores the mail requests of one mutation. */
export interface MailRequests<Arguments extends object> {
  /**
   * Stores a request. Its handler runs after the response, so the response time does not reveal what the handler does.
   * If the process crashes first, the handler runs after a restart, or in another instance.
   * @param given the arguments of the request. They are stored as JSON, so they must not contain a secret.
   * @param run runs a statement of the caller's transaction. Call {@link Mail.wake} after the commit.
   * @throws {@link ServiceUnavailable} when too many requests wait
   */
  store(given: Arguments, client: Client, run?: RunStatement): Promise<void>;
}

/** Handles a request. After an error other than {@link BadUserInput}, it is called again later, for about a day. */
export type MailRequestHandler<Arguments> = (request: MailRequest<Arguments>) => Promise<void>;

interface RequestRow extends OutboxRow {
  readonly kind: string;
  readonly given: string;
  readonly client: string;
}

/** Another instance has already handled the request. */
class AlreadyHandled extends Error {}

/**
 * Stores requests for mails, and handles them. A stored request may contain an address, but no token. Normally, only
 * one instance handles a request.
 * @internal
 */
export class MailRequestQueue {
  readonly #core: Pick<CoreServices, "sql" | "now" | "onEvent" | "spans">;
  readonly #allows: MailRequest<never>["allows"];
  readonly #handlers = new Map<string, MailRequestHandler<never>>();
  readonly #outbox: Outbox<RequestRow>;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    core: Pick<CoreServices, "sql" | "now" | "onEvent" | "spans">,
    allows: MailRequest<never>["allows"],
  ) {
    this.#core = core;
    this.#allows = allows;
    const { sql } = core;
    this.#outbox = new Outbox<RequestRow>(core, {
      table: "mail_request",
      columns: "kind, given, client",
      retry: { first: MINUTE, max: HOUR },
      giveUp: 24 * HOUR,
      attemptTimeout: 10 * SECOND,
      lanes: 4,
      findDue: (now) =>
        sql.read(`SELECT id FROM mail_request WHERE due_at <= ? ORDER BY due_at LIMIT ${BATCH}`, [
          now,
        ]),
      deliver: (row) => this.#handle(row),
      onFault: ({ kind, attempts }, code, isGivenUp) => {
        const type = isGivenUp ? "mail:failed" : "mail:delayed";
        core.onEvent({ type, details: { request: kind, attempts, code } }, NO_CLIENT);
      },
    });
  }

  /** @param kind the name of the mutation */
  of<Arguments extends object>(
    kind: string,
    handler: MailRequestHandler<Arguments>,
  ): MailRequests<Arguments> {
    this.#handlers.set(kind, handler);
    return {
      store: async (given, client, run) => {
        await this.#store(
          run ?? ((statement, parameters) => this.#core.sql.write(statement, parameters)),
          [kind, JSON.stringify(given), JSON.stringify(client)],
        );
        if (run === undefined) this.wake();
      },
    };
  }

  async #store(run: RunStatement, values: readonly string[]): Promise<void> {
    const now = this.#core.now();
    const stored = await run(
      `INSERT INTO mail_request (id, kind, given, client, queued_at, due_at) SELECT ?, ?, ?, ?, ?, ?
       WHERE (SELECT COUNT(*) FROM (SELECT 1 FROM mail_request LIMIT ${MAX_WAITING}) AS waiting) < ${MAX_WAITING}
       RETURNING id`,
      [newId(), ...values, now, now],
    );
    if (stored.length === 0) throw new ServiceUnavailable(RETRY_AFTER);
  }

  /** Starts to handle the requests after a random delay. Returns at once, and never throws. */
  wake(): void {
    this.#timer ??= setTimeout(
      () => {
        this.#timer = undefined;
        this.#outbox.wake();
      },
      randomInt(DELAY.min, DELAY.max),
    ).unref();
  }

  get measurements(): readonly Measurement[] {
    return this.#outbox.measurements;
  }

  /** Handles the due requests without a delay, and waits for that. */
  async idle(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#outbox.wake();
    await this.#outbox.idle();
  }

  /** Handles the requests that wait, for at most two seconds. */
  async finish(): Promise<void> {
    const handled = this.#timer === undefined ? this.#outbox.idle() : this.idle();
    await withinTime(handled, FINISH_TIMEOUT, () => undefined);
  }

  /** Leaves the other requests in the table, and waits for those that are being handled. @param timeout in milliseconds */
  async close(timeout: number): Promise<void> {
    clearTimeout(this.#timer);
    await this.#outbox.close(timeout);
  }

  async #handle({ id, kind, given, client, attempts }: RequestRow): Promise<Fault | null> {
    try {
      const handler = this.#handlers.get(kind);
      if (handler === undefined) throw new Error(`No feature handles requests of ${kind}.`);
      await handler({
        given: JSON.parse(given) as never,
        client: JSON.parse(client) as Client,
        allows: async (mail) => (await this.#allows(mail)) || attempts > 1,
        inTransaction: async (use) => {
          const isOwn = await this.#core.sql.inTransaction(async (run) => {
            const own = await run("DELETE FROM mail_request WHERE id = ? RETURNING id", [id]);
            if (own.length > 0) await use(run);
            return own.length > 0;
          });
          if (!isOwn) throw new AlreadyHandled();
        },
      });
      return null;
    } catch (error) {
      if (error instanceof AlreadyHandled) return null;
      warn(error);
      return {
        code: "request_failed",
        // A retry cannot succeed if the address is not valid. An older Gatehouse may have stored such an address.
        isPermanent: error instanceof BadUserInput,
        isOfServer: error instanceof ServiceUnavailable,
      };
    }
  }
}
