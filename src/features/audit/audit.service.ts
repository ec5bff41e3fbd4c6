import type { KeyObject } from "node:crypto";
import { type AuthEvent, type Client, warn } from "../../events.js";
import type { RunStatement, Sql, SqlValue } from "../../sql.js";
import { type AuditRow, type SettlingEvent, toRow, toSettling } from "./audit-row.js";
import { DroppedEvents } from "./dropped-events.js";
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

/**
 * Called with the events of each batch, before the batch is stored. If the promise rejects, the batch is not stored. A
 * retry calls the follower again.
 * @param run runs a statement. If the batch is stored in a transaction, the statement belongs to that transaction.
 */
export type Follower = (events: readonly SettlingEvent[], run: RunStatement) => Promise<unknown>;

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
  readonly #dropped: DroppedEvents;
  /** The number of events that did not fit into `#pending` since the last warning. */
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

  /** @param key hashes the user name or address of a failed login, if no user has it */
  constructor(sql: Sql, now: () => number, key: KeyObject) {
    this.#sql = sql;
    this.#now = now;
    this.#key = key;
    this.#dropped = new DroppedEvents(this.#ids, key);
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
      ...toRow(event, client, this.#key),
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
      this.#add({ ...toRow(event, client, this.#key), id: this.#ids.next(at), at });
    } else {
      this.#totals.dropped += 1;
      this.#add(this.#dropped.count(at));
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
