import { warn } from "../events.js";
import type { Sql, SqlValue } from "../sql.js";
import { withinTime } from "../within-time.js";

/**
 * Closing waits 3.5 seconds for the attempts that are running. Then it aborts them, and waits 1 second for their end.
 * In milliseconds, together less than 5 seconds.
 */
const CLOSE_TIMEOUTS = [3500, 1000] as const;

/** The columns that every outbox has. Instants are epoch milliseconds. */
export interface OutboxRow {
  readonly id: string;
  readonly queuedAt: number | string;
  /** How many times an instance has claimed the row. */
  readonly attempts: number;
}

/** The reason for a failed attempt. */
export interface Fault {
  /** Such as `550` or `ETIMEDOUT`. It holds no text of the other side, which may hold an address. */
  readonly code: string;
  /** Whether further attempts would fail, too. */
  readonly isPermanent: boolean;
  /** Whether the other side itself is down, so that other rows would fail, too. */
  readonly isOfServer: boolean;
}

/** The settings of an {@link Outbox}. All durations are milliseconds. */
export interface OutboxOptions<Row extends OutboxRow> {
  /** A table with the columns `id`, `queued_at`, `attempts` and `due_at`, the instant from which a row may be claimed. */
  readonly table: string;
  /** The further columns of a row, in SQL. */
  readonly columns: string;
  /** The pauses between two attempts. They double. */
  readonly retry: { readonly first: number; readonly max: number };
  /** How long a row is tried. */
  readonly giveUp: number;
  /** How long one attempt may take. If an instance dies, its claims expire after twice this time. */
  readonly attemptTimeout: number;
  /** How many rows an instance delivers at the same time. */
  readonly lanes: number;
  /** Returns some rows that are due, and may be delivered next. */
  findDue(this: void, now: number): Promise<readonly { readonly id: string }[]>;
  /** Delivers a row. @returns null if the other side has accepted it */
  deliver(this: void, row: Row, signal: AbortSignal): Promise<Fault | null>;
  /** Called when a row waits for its next attempt, or is given up and deleted. */
  onFault(this: void, row: Row, code: string, isGivenUp: boolean): void;
}

/**
 * Delivers the rows of a table, each at least once. All instances may do so at the same time: one conditional `UPDATE`
 * claims a row. A row that is delivered leaves the table. If an instance dies, its claims expire.
 */
export class Outbox<Row extends OutboxRow> {
  readonly #sql: Sql;
  readonly #now: () => number;
  readonly #options: OutboxOptions<Row>;
  readonly #closing = new AbortController();
  #isWoken = false;
  #isClosed = false;
  #running: Promise<void> | undefined;

  constructor({ sql, now }: { sql: Sql; now: () => number }, options: OutboxOptions<Row>) {
    this.#sql = sql;
    this.#now = now;
    this.#options = options;
  }

  /** Delivers the rows that are due. Returns at once, and never throws. */
  wake(): void {
    if (this.#isClosed) return;
    this.#isWoken = true;
    this.#running ??= this.#run();
  }

  /** Waits until it delivers no more rows. */
  async idle(): Promise<void> {
    await this.#running;
  }

  /** Claims no more rows, and waits less than 5 seconds for those that are being delivered. */
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
        await this.#deliverDue();
      }
    } catch (error) {
      warn(error);
    } finally {
      this.#running = undefined;
    }
  }

  async #deliverDue(): Promise<void> {
    let isUsable = true;
    const lane = async () => {
      while (isUsable && !this.#isClosed) {
        const row = await this.#claim();
        if (row === undefined) return;
        // The other rows would only wait for the same server in vain.
        if (!(await this.#attempt(row))) isUsable = false;
      }
    };
    await Promise.all(Array.from({ length: this.#options.lanes }, lane));
  }

  async #claim(): Promise<Row | undefined> {
    const { table, columns, findDue, attemptTimeout } = this.#options;
    for (;;) {
      const due = await findDue(this.#now());
      if (due.length === 0) return undefined;
      for (const { id } of due) {
        const now = this.#now();
        const [row] = await this.#sql.write<Row>(
          `UPDATE ${table} SET due_at = ?, attempts = attempts + 1 WHERE id = ? AND due_at <= ?
           RETURNING id, queued_at AS "queuedAt", attempts, ${columns}`,
          [now + 2 * attemptTimeout, id, now],
        );
        if (row !== undefined) return row;
      }
    }
  }

  /** @returns false if the other side cannot be used at the moment */
  async #attempt(row: Row): Promise<boolean> {
    const { deliver, attemptTimeout } = this.#options;
    const signal = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(attemptTimeout)]);
    const fault = await deliver(row, signal);
    if (fault === null) await this.#delete(row);
    else if (fault.isPermanent) await this.#giveUp(row, fault);
    else await this.#postpone(row, fault);
    return fault?.isOfServer !== true;
  }

  async #postpone(row: Row, fault: Fault): Promise<void> {
    const { table, retry, giveUp, onFault } = this.#options;
    const now = this.#now();
    if (now - Number(row.queuedAt) >= giveUp) return this.#giveUp(row, fault);
    const pause = Math.min(retry.first * 2 ** (row.attempts - 1), retry.max);
    // Unless the claim has expired, and another instance is delivering the row.
    await this.#write(`UPDATE ${table} SET due_at = ? WHERE id = ? AND attempts = ? RETURNING id`, [
      now + pause,
      row.id,
      row.attempts,
    ]);
    onFault(row, fault.code, false);
  }

  async #giveUp(row: Row, { code }: Fault): Promise<void> {
    await this.#delete(row);
    this.#options.onFault(row, code, true);
  }

  async #delete({ id }: Row): Promise<void> {
    await this.#write(`DELETE FROM ${this.#options.table} WHERE id = ? RETURNING id`, [id]);
  }

  async #write(statement: string, parameters: SqlValue[]): Promise<void> {
    await this.#sql.write(statement, parameters);
  }
}
