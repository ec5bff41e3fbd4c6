import { Webhook } from "standardwebhooks";
import { NO_CLIENT } from "../../events.js";
import type { Measurement } from "../../maintenance/measurement.js";
import { type Fault, Outbox, type OutboxRow } from "../../maintenance/outbox.js";
import type { RunStatement, SqlValue } from "../../sql.js";
import type { SettlingEvent } from "../audit/index.js";
import type { CoreServices } from "../feature.js";
import { UserQueues } from "./user-queues.js";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** How long one attempt may take, in milliseconds. */
const ATTEMPT_TIMEOUT = 15 * SECOND;
/** A timer sends the events that are due within this time, in milliseconds. The periodic job sends later events. */
const MAX_DELAY = 5 * SECOND;
/** The shortest time between two events `webhooks:delayed` of an instance, in milliseconds. */
const REPORT_INTERVAL = MINUTE;
/**
 * With these HTTP statuses, the receiver refuses only one event. Any other error status means that the receiver cannot
 * be used.
 */
const REFUSALS = [400, 413, 422];

interface WebhookRow extends OutboxRow {
  readonly userId: string | null;
  readonly type: string;
  readonly body: string;
}

/**
 * Sends signed events to a URL, according to Standard Webhooks. The events of a user are sent one after another.
 * @see https://www.standardwebhooks.com
 */
export class Webhooks {
  readonly #core: Pick<CoreServices, "sql" | "now" | "onEvent" | "spans">;
  readonly #url: string;
  readonly #signers: readonly Webhook[];
  readonly #outbox: Outbox<WebhookRow>;
  #reportedAt = -Infinity;
  /** When the last of the events that the timer sends is due, in epoch milliseconds. */
  #lastDue = 0;
  /** When the timer last woke the outbox, in epoch milliseconds. */
  #wokenAt = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @param secrets each event has one signature for each of these secrets */
  constructor(
    core: Pick<CoreServices, "sql" | "now" | "onEvent" | "spans">,
    url: string,
    secrets: readonly string[],
  ) {
    this.#core = core;
    this.#url = url;
    this.#signers = secrets.map((secret) => new Webhook(secret));
    const queues = new UserQueues(core.sql);
    this.#outbox = new Outbox<WebhookRow>(core, {
      table: "webhook_outbox",
      columns: `user_id AS "userId", type, body`,
      retry: { first: 30 * SECOND, max: 4 * HOUR },
      giveUp: 24 * HOUR,
      attemptTimeout: ATTEMPT_TIMEOUT,
      lanes: 4,
      findDue: (now) => queues.findSendable(now),
      deliver: (row, signal) => this.#deliver(row, signal),
      onFault: (row, code, isGivenUp) => {
        this.#report(row, code, isGivenUp);
      },
    });
  }

  /**
   * Stores events in the outbox. An event is due at its `settledAt`. If an event is already stored, only replaces its
   * body.
   * @param run runs a statement, which may be part of a transaction
   */
  async queue(events: readonly SettlingEvent[], run: RunStatement): Promise<void> {
    // Do not send events such as `webhooks:failed`. Otherwise each failure would cause another event that fails.
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

  /** @param due when the last of the events that the timer sends is due, in epoch milliseconds */
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

  get measurements(): readonly Measurement[] {
    return this.#outbox.measurements;
  }

  /** Stops starting attempts. Waits less than 5 seconds for the running attempts. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#outbox.close();
  }

  async #deliver({ id, body }: WebhookRow, signal: AbortSignal): Promise<Fault | null> {
    const sentAt = new Date(this.#core.now());
    const signatures = this.#signers.map((signer) => signer.sign(id, sentAt, body));
    try {
      const response = await fetch(this.#url, {
        method: "POST",
        // Do not follow redirects, because they could send the event to a server that is not configured.
        redirect: "manual",
        headers: {
          "content-type": "application/json",
          "user-agent": "gatehouse",
          "webhook-id": id,
          "webhook-timestamp": Math.floor(sentAt.getTime() / 1000).toString(),
          "webhook-signature": signatures.join(" "),
          ...this.#core.spans.headers(),
        },
        body,
        signal,
      });
      // Only the status of the response matters, so do not read its body.
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

  /** Reports each event that will not be sent. Also reports delayed events, at most once a minute. */
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
