import type { KeyObject } from "node:crypto";
import { type AuthEvent, type Client, fingerprint, warn } from "../../events.js";
import type { RunStatement, Sql, SqlValue } from "../../sql.js";
import type { StoredEvent } from "./audit-list.js";
import { EventIds } from "./event-id.js";
import { RefusalBudget } from "./refusal-budget.js";

/** How long events are collected before they are stored, in milliseconds. */
const FLUSH_AFTER = 200;
/** The most events that one statement stores. */
const BATCH_SIZE = 100;
/** The most events that may wait for the database. Further events are lost. */
const MAX_PENDING = 10_000;
/** The pause before each retry while the database fails, in milliseconds. After the last retry, the events are lost. */
const RETRY_AFTER = [1000, 2000, 4000, 8000, 15_000, 30_000];
/** The longest text of one column, in characters. */
const TEXT_MAX_LENGTH = 255;
const DETAILS_MAX_LENGTH = 4000;

/** One row counts the events that {@link RefusalBudget} drops during this period, in milliseconds. */
const DROP_WINDOW = 60_000;
/** The type of the row that counts dropped events. */
const DROPPED = "audit:events_dropped";

/** The time after which every instance has normally stored an event, in milliseconds. */
const SETTLE = 1000;

/** An event that is about to be stored. */
export interface SettlingEvent extends Omit<StoredEvent, "details"> {
  readonly details: Readonly<Record<string, unknown>>;
  /**
   * When the event is final, in epoch milliseconds: one second after `at`, or 61 seconds for the row that counts
   * dropped events. If the database works, all instances have then also stored their earlier events.
   */
  readonly settledAt: number;
}

/**
 * Called with the events of each batch, before the batch is stored. If the promise rejects, the batch is not stored. A
 * retry calls the follower again.
 * @param run runs a statement. If the batch is stored in a transaction, the statement belongs to that transaction.
 */
export type Follower = (events: readonly SettlingEvent[], run: RunStatement) => Promise<unknown>;

interface AuditRow {
  readonly id: string;
  readonly at: number;
  readonly type: string;
  readonly actor_id: string | null;
  readonly actor_session_id: string | null;
  readonly impersonator_id: string | null;
  readonly subject_id: string | null;
  readonly session_id: string | null;
  readonly ip_address: string | null;
  readonly user_agent: string | null;
  readonly request_id: string | null;
  readonly details: string | null;
}

/**
 * Stores events. The events of a change to a user are stored in the transaction of the change. All other events are
 * stored in batches, about 200 ms later, so that no operation waits. A crash loses the events that are not stored yet.
 */
export class AuditTrail {
  readonly #sql: Sql;
  readonly #now: () => number;
  readonly #key: KeyObject;
  readonly #ids = new EventIds();
  readonly #budget = new RefusalBudget();
  readonly #followers: Follower[] = [];
  /** The events that {@link AuditTrail.store} has stored. {@link AuditTrail.record} ignores them. */
  readonly #stored = new WeakSet<AuthEvent>();
  /** The rows that are not stored yet, by id. */
  readonly #pending = new Map<string, AuditRow>();
  /** The count of events that `#budget` has dropped since `at`. A new count begins after one minute. */
  #dropped: { readonly id: string; readonly at: number; count: number } | undefined;
  /** The number of events that did not fit into `#pending`. */
  #lost = 0;
  /**
   * `dropped` counts the events that `#budget` has dropped since the start. `lost` counts the events that could not be
   * stored.
   */
  readonly #totals = { dropped: 0, lost: 0 };
  #failures = 0;
  #timer: NodeJS.Timeout | undefined;
  #storing: Promise<void> | undefined;
  #isClosed = false;

  /** @param key hashes the user name that was entered in a failed login, if no user has that name */
  constructor(sql: Sql, now: () => number, key: KeyObject) {
    this.#sql = sql;
    this.#now = now;
    this.#key = key;
  }

  /** The numbers of events that wait for the database, and of events that were dropped or lost since the start. */
  get load(): Readonly<Record<"pending" | "dropped" | "lost", number>> {
    return { ...this.#totals, pending: this.#pending.size };
  }

  /**
   * Calls `follower` with each batch before the batch is stored. After an error, calls it again with the same batch.
   */
  follow(follower: Follower): void {
    this.#followers.push(follower);
  }

  /**
   * Stores the events of a change.
   * @param run runs a statement in the transaction of the change
   */
  async store(run: RunStatement, events: readonly AuthEvent[], client: Client): Promise<void> {
    const at = this.#now();
    const rows = events.map((event) => ({
      ...this.#toRow(event, client),
      id: this.#ids.next(at),
      at,
    }));
    for (let first = 0; first < rows.length; first += BATCH_SIZE) {
      await this.#insert(rows.slice(first, first + BATCH_SIZE), run);
    }
    for (const event of events) this.#stored.add(event);
  }

  /** Stores an event about 200 ms later. If too many requests are refused, only counts the further refusals. */
  record(event: AuthEvent, client: Client): void {
    if (this.#isClosed || this.#stored.has(event)) return;
    const at = this.#now();
    if (this.#budget.allows(event, client, at)) {
      this.#add({ ...this.#toRow(event, client), id: this.#ids.next(at), at });
    } else {
      this.#add(this.#countDropped(at));
    }
    this.#schedule(FLUSH_AFTER);
  }

  /** Stores all pending events, without retries. @throws Error that says how many events are lost */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#storing;
    try {
      await this.#storeAll();
    } catch (error) {
      throw this.#discard(error);
    }
  }

  #toRow(event: AuthEvent, { actor, ...client }: Client): Omit<AuditRow, "id" | "at"> {
    const { type, userId, sessionId, login, details, ...rest } = event as Readonly<
      Record<string, unknown>
    > & { readonly details?: object };
    const subject = toText(userId);
    const isOwn = actor?.userId === subject;
    const typed = subject === null &&
      typeof login === "string" && { login: fingerprint(login, this.#key) };
    return {
      type: toText(type) ?? "",
      actor_id: actor?.userId ?? null,
      actor_session_id: actor?.sessionId ?? null,
      impersonator_id: actor?.impersonatorId ?? null,
      subject_id: subject,
      session_id: toText(sessionId) ?? (isOwn ? actor.sessionId : null),
      ip_address: toText(client.ipAddress),
      user_agent: toText(client.userAgent),
      request_id: toText(client.requestId),
      details: toJson({ ...typed, ...rest, ...details }),
    };
  }

  /**
   * Counts one more dropped event. Returns the row with the new count. All counts of one minute have the same id, so a
   * later count replaces an earlier one.
   */
  #countDropped(at: number): AuditRow {
    if (this.#dropped === undefined || at - this.#dropped.at >= DROP_WINDOW) {
      this.#dropped = { id: this.#ids.next(at), at, count: 0 };
    }
    this.#dropped.count += 1;
    this.#totals.dropped += 1;
    const { id, at: since, count } = this.#dropped;
    const nobody = { ipAddress: null, userAgent: null };
    const row = this.#toRow({ type: DROPPED, details: { count } }, nobody);
    return { ...row, id, at: since };
  }

  #add(row: AuditRow): void {
    if (this.#pending.size < MAX_PENDING || this.#pending.has(row.id)) {
      this.#pending.set(row.id, row);
    } else {
      this.#lost += 1;
    }
  }

  /**
   * Starts the timer if it is not running. Does nothing while events are being stored, because the timer is started
   * afterwards if events are left.
   */
  #schedule(delay: number): void {
    if (this.#isClosed || this.#timer !== undefined || this.#storing !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#storing = this.#store().finally(() => {
        this.#storing = undefined;
        if (this.#pending.size === 0) return;
        this.#schedule(RETRY_AFTER[this.#failures - 1] ?? FLUSH_AFTER);
      });
    }, delay).unref();
  }

  async #store(): Promise<void> {
    try {
      await this.#storeAll();
      this.#failures = 0;
      if (this.#lost > 0) warn(this.#discard());
    } catch (error) {
      this.#failures += 1;
      if (this.#failures <= RETRY_AFTER.length) return;
      this.#failures = 0;
      warn(this.#discard(error));
    }
  }

  async #storeAll(): Promise<void> {
    while (this.#pending.size > 0) {
      const batch = [...this.#pending.values()].slice(0, BATCH_SIZE);
      await this.#insert(batch, (statement, values) => this.#sql.write(statement, values));
      for (const row of batch) {
        // Keep a row that was replaced meanwhile, because it has a newer count of dropped events.
        if (this.#pending.get(row.id) === row) this.#pending.delete(row.id);
      }
    }
  }

  /**
   * Inserts rows. If a row with the same id exists, only replaces its details, such as the count of dropped events. So
   * a retry is safe even if the first attempt succeeded.
   */
  async #insert(rows: readonly AuditRow[], run: RunStatement): Promise<void> {
    const events = rows.map(toSettling);
    for (const follow of this.#followers) await follow(events, run);
    const columns = Object.keys(rows[0] ?? {}) as (keyof AuditRow)[];
    const places = `(${columns.map(() => "?").join(", ")})`;
    const values = rows.flatMap((row) => columns.map((column): SqlValue => row[column]));
    await run(
      `INSERT INTO audit_event (${columns.join(", ")}) VALUES ${rows.map(() => places).join(", ")}
       ON CONFLICT (id) DO UPDATE SET details = excluded.details RETURNING id`,
      values,
    );
  }

  /** Gives up all pending events. @returns an error that says how many events are lost */
  #discard(cause?: unknown): Error {
    const count = this.#pending.size + this.#lost;
    this.#totals.lost += count;
    this.#pending.clear();
    this.#lost = 0;
    return new Error(`${count} events of the audit trail could not be stored, and are lost.`, {
      cause,
    });
  }
}

function toSettling(row: AuditRow): SettlingEvent {
  return {
    id: row.id,
    at: row.at,
    type: row.type,
    actorId: row.actor_id,
    actorSessionId: row.actor_session_id,
    impersonatorId: row.impersonator_id,
    subjectId: row.subject_id,
    sessionId: row.session_id,
    ipAddress: row.ip_address,
    userAgent: row.user_agent,
    requestId: row.request_id,
    details: JSON.parse(row.details ?? "{}") as SettlingEvent["details"],
    settledAt: row.at + SETTLE + (row.type === DROPPED ? DROP_WINDOW : 0),
  };
}

function toText(value: unknown): string | null {
  if (value === undefined || value === null) return null;
  const text = typeof value === "string" ? value : JSON.stringify(value);
  // PostgreSQL cannot store NUL characters.
  return text.slice(0, TEXT_MAX_LENGTH).replaceAll("\0", "");
}

function toJson(details: object): string | null {
  const text = JSON.stringify(details);
  if (text === "{}") return null;
  return text.length <= DETAILS_MAX_LENGTH ? text : JSON.stringify({ tooLong: text.length });
}
