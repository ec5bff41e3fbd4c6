import { Webhook } from "standardwebhooks";
import { NO_CLIENT } from "../../events.js";
import { type Fault, Outbox, type OutboxRow } from "../../maintenance/outbox.js";
import type { RunStatement, SqlValue } from "../../sql.js";
import type { SettlingEvent } from "../audit/index.js";
import type { CoreServices } from "../feature.js";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** How long one attempt may take. */
const ATTEMPT_TIMEOUT = 15 * SECOND;
/** An event that is due in more than this time waits for a retry. During an attempt, `due_at` is 30 seconds ahead. */
const LONG = MINUTE;
/** How many due events one statement looks at, and how many it returns. */
const WINDOW = 100;
const BATCH = 20;
/** A timer sends events that are due within this time. The periodic job sends those that are due later. */
const MAX_DELAY = 5 * SECOND;
/** How often an instance reports at most that events wait. */
const REPORT_INTERVAL = MINUTE;
/** The statuses that refuse one event. All others would refuse the next event, too. */
const REFUSALS = [400, 413, 422];

/** The events that are due, oldest first. */
const CANDIDATES = `(SELECT id, user_id, due_at FROM webhook_outbox WHERE due_at <= ?
  ORDER BY due_at, id LIMIT ${WINDOW}) AS candidate`;

/** When the first event of the candidate's user is due. */
const FIRST_DUE = (candidate: string) => `(SELECT head.due_at FROM webhook_outbox head
  WHERE head.user_id = ${candidate}.user_id ORDER BY head.id LIMIT 1)`;

interface WebhookRow extends OutboxRow {
  readonly userId: string | null;
  readonly type: string;
  readonly body: string;
}

/**
 * Sends events to a URL, signed as Standard Webhooks says. The events of a user are sent one after another.
 * @see https://www.standardwebhooks.com
 */
export class Webhooks {
  readonly #core: Pick<CoreServices, "sql" | "now" | "onEvent">;
  readonly #url: string;
  readonly #signers: readonly Webhook[];
  readonly #outbox: Outbox<WebhookRow>;
  #reportedAt = -Infinity;
  /** The latest instant for which the timer must wake the outbox, in epoch milliseconds. */
  #lastDue = 0;
  /** When the timer has last woken the outbox, in epoch milliseconds. */
  #wokenAt = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @param secrets the events are signed with each of them */
  constructor(
    core: Pick<CoreServices, "sql" | "now" | "onEvent">,
    url: string,
    secrets: readonly string[],
  ) {
    this.#core = core;
    this.#url = url;
    this.#signers = secrets.map((secret) => new Webhook(secret));
    this.#outbox = new Outbox<WebhookRow>(core, {
      table: "webhook_outbox",
      columns: `user_id AS "userId", type, body`,
      retry: { first: 30 * SECOND, max: 4 * HOUR },
      giveUp: 24 * HOUR,
      attemptTimeout: ATTEMPT_TIMEOUT,
      lanes: 4,
      findDue: (now) => this.#findDue(now),
      deliver: (row, signal) => this.#deliver(row, signal),
      onFault: (row, code, isGivenUp) => {
        this.#report(row, code, isGivenUp);
      },
    });
  }

  /**
   * Stores events in the outbox. Each is due at its `settledAt`. If it is stored already, its body is replaced.
   * @param run runs a statement, which may be part of a transaction
   */
  async queue(events: readonly SettlingEvent[], run: RunStatement): Promise<void> {
    // Events such as `webhooks:failed` are not sent. Otherwise one that fails would cause another one, without end.
    const sent = events.filter(({ type }) => !type.startsWith("webhooks:"));
    if (sent.length === 0) return;
    await run(
      `INSERT INTO webhook_outbox (id, user_id, type, body, queued_at, due_at)
       VALUES ${sent.map(() => "(?, ?, ?, ?, ?, ?)").join(", ")}
       ON CONFLICT (id) DO UPDATE SET body = excluded.body RETURNING id`,
      sent.flatMap((event): SqlValue[] => {
        const { id, subjectId, type, at, settledAt } = event;
        return [id, subjectId, type, toBody(event), at, settledAt];
      }),
    );
    const soon = this.#core.now() + MAX_DELAY;
    const due = sent.map(({ settledAt }) => settledAt).filter((settledAt) => settledAt <= soon);
    this.#wakeAt(Math.max(this.#lastDue, ...due));
  }

  /** @param due when the latest event is due */
  #wakeAt(due: number): void {
    this.#lastDue = due;
    if (this.#timer !== undefined || due <= this.#wokenAt) return;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        this.#wokenAt = this.#core.now();
        this.wake();
        this.#wakeAt(this.#lastDue);
      },
      Math.max(due - this.#core.now(), 0),
    ).unref();
  }

  /** Sends the events that are due. Returns at once, and never throws. */
  wake(): void {
    this.#outbox.wake();
  }

  /** Starts no more attempts, and waits less than 5 seconds for those that are running. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#outbox.close();
  }

  /**
   * Returns at most {@link BATCH} events that are due. Leaves an event out while an earlier one of the same user waits.
   * Each statement looks at {@link WINDOW} events at most.
   */
  async #findDue(now: number): Promise<readonly { readonly id: string }[]> {
    const { sql } = this.#core;
    for (;;) {
      const found = await sql.read<{ id: string }>(
        `SELECT id FROM ${CANDIDATES} WHERE NOT EXISTS (SELECT 1 FROM webhook_outbox earlier
           WHERE earlier.user_id = candidate.user_id AND earlier.id < candidate.id)
         ORDER BY due_at, id LIMIT ${BATCH}`,
        [now],
      );
      if (found.length > 0) return found;
      const blocked = await sql.read("SELECT id FROM webhook_outbox WHERE due_at <= ? LIMIT 1", [
        now,
      ]);
      if (blocked.length === 0) return [];
      // The first event of a user may wait hours for a retry. The later ones of the user could then fill the window,
      // and hide the events of other users. Therefore they become due together with the first.
      const moved = await sql.write(
        `UPDATE webhook_outbox SET due_at = ${FIRST_DUE("webhook_outbox")} WHERE id IN (
           SELECT id FROM ${CANDIDATES} WHERE ${FIRST_DUE("candidate")} > ?) RETURNING id`,
        [now, now + LONG],
      );
      if (moved.length === 0) return [];
    }
  }

  async #deliver({ id, body }: WebhookRow, signal: AbortSignal): Promise<Fault | null> {
    const sentAt = new Date(this.#core.now());
    const signatures = this.#signers.map((signer) => signer.sign(id, sentAt, body));
    try {
      const response = await fetch(this.#url, {
        method: "POST",
        // A redirect would send the event to a place that nobody has configured.
        redirect: "manual",
        headers: {
          "content-type": "application/json",
          "user-agent": "gatehouse",
          "webhook-id": id,
          "webhook-timestamp": Math.floor(sentAt.getTime() / 1000).toString(),
          "webhook-signature": signatures.join(" "),
        },
        body,
        signal,
      });
      // Nothing in the body matters.
      await response.body?.cancel().catch(() => undefined);
      if (response.ok) return null;
      const { status } = response;
      return {
        code: status.toString(),
        isPermanent: false,
        isOfServer: !REFUSALS.includes(status),
      };
    } catch (error) {
      return { code: codeOf(error), isPermanent: false, isOfServer: true };
    }
  }

  /** Reports each event that is given up. Also reports now and then that events are waiting. */
  #report({ type: event, userId, attempts }: WebhookRow, code: string, isGivenUp: boolean): void {
    const now = this.#core.now();
    if (!isGivenUp && now - this.#reportedAt < REPORT_INTERVAL) return;
    this.#reportedAt = now;
    const type = isGivenUp ? "webhooks:failed" : "webhooks:delayed";
    const details = { event, attempts, code };
    this.#core.onEvent({ type, ...(userId !== null && { userId }), details }, NO_CLIENT);
  }
}

/** @see https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md#payload-structure */
function toBody(event: SettlingEvent): string {
  const { id, type, at, subjectId: userId, sessionId, actorId, actorSessionId } = event;
  const { impersonatorId, ipAddress, userAgent, requestId, details } = event;
  const about = { id, userId, sessionId, actorId, actorSessionId, impersonatorId };
  const data = { ...about, ipAddress, userAgent, requestId, details };
  return JSON.stringify({ type, timestamp: new Date(at).toISOString(), data });
}

/** Returns the code of a failed request, such as `ECONNREFUSED`. */
function codeOf(error: unknown): string {
  const { name, cause } = error as Error;
  if (name === "TimeoutError") return "ETIMEDOUT";
  const { code } = (cause ?? {}) as { code?: unknown };
  return typeof code === "string" ? code : "unknown";
}
