import { warn } from "../events.js";
import type { Spans } from "../spans.js";
import type { Sql, SqlValue } from "../sql.js";
import type { Measurement } from "./measurement.js";
import { withinTime } from "../within-time.js";

/** How long `close` waits for running attempts, in milliseconds. Features must close within 5 seconds. */
export const CLOSE_TIMEOUT = 4000;
/** How long before the end of this time `close` aborts the attempts, in milliseconds. */
const ABORT_TIMEOUT = 1000;

/** How many rows a measurement reads at most. A scrape must be fast even if the table is long. */
const MAX_MEASURED = 10_000;

/** The columns that every outbox has. Instants are epoch milliseconds. */
export interface OutboxRow {
  readonly id: string;
  readonly queuedAt: number;
  /** How many times an instance has claimed the row. */
  readonly attempts: number;
}

/** The reason for a failed attempt. */
export interface Fault {
  /** A code such as `550` or `ETIMEDOUT`, without the receiver's text, which may contain an address. */
  readonly code: string;
  /** Whether further attempts would fail, too. */
  readonly isPermanent: boolean;
  /** Whether the receiver itself cannot be used, so that other rows would fail, too. */
  readonly isOfServer: boolean;
}

/** The settings of an {@link Outbox}. All durations are milliseconds. */
export interface OutboxOptions<Row extends OutboxRow> {
  /** A table with the columns `id`, `queued_at`, `attempts` and `due_at`. A row may be claimed from `due_at` on. */
  readonly table: string;
  /** The other columns of a row, in SQL. */
  readonly columns: string;
  /** The pause before the next attempt. It doubles from `first` up to `max`. */
  readonly retry: { readonly first: number; readonly max: number };
  /** When an attempt fails, the row is given up if this time has passed since `queued_at`. */
  readonly giveUp: number;
  /** How long one attempt may take. A claim expires after twice this time. */
  readonly attemptTimeout: number;
  /** How many rows an instance delivers at the same time. */
  readonly lanes: number;
  /** Returns the ids of some rows that may be delivered now. */
  findDue(this: void, now: number): Promise<readonly { readonly id: string }[]>;
  /** Delivers a row. @returns null if the receiver has accepted the row */
  deliver(this: void, row: Row, signal: AbortSignal): Promise<Fault | null>;
  /** Called when an attempt has failed. If `isGivenUp` is true, the row was deleted, and no attempt follows. */
  onFault(this: void, row: Row, code: string, isGivenUp: boolean): void;
}

/**
 * Delivers the rows of a table. Deletes each row that was delivered or given up. A row may be delivered more than once.
 * All instances can deliver at the same time, because an instance first claims a row by a conditional `UPDATE`. If an
 * instance dies, its claims expire.
 */
export class Outbox<Row extends OutboxRow> {
  readonly #sql: Sql;
  readonly #spans: Spans;
  readonly #now: () => number;
  readonly #options: OutboxOptions<Row>;
  readonly #closing = new AbortController();
  #isWoken = false;
  #isClosed = false;
  #running: Promise<void> | undefined;

  constructor(
    { sql, now, spans }: { sql: Sql; now: () => number; spans: Spans },
    options: OutboxOptions<Row>,
  ) {
    this.#spans = spans;
    this.#sql = sql;
    this.#now = now;
    this.#options = options;
  }

  /** Starts to deliver the rows that are due. Returns at once, and never throws. */
  wake(): void {
    if (this.#isClosed) return;
    this.#isWoken = true;
    this.#running ??= this.#run();
  }

  /**
   * The number of rows that wait, and how long the oldest of them has waited. All instances share the table, so they
   * report the same values.
   */
  get measurements(): readonly Measurement[] {
    const { table } = this.#options;
    const waiting = `(SELECT queued_at FROM ${table} ORDER BY due_at LIMIT ${MAX_MEASURED}) AS waiting`;
    return [
      {
        name: `gatehouse_${table}_rows`,
        help: `The rows of ${table} that wait, at most ${MAX_MEASURED}.`,
        kind: "gauge",
        read: async () => {
          const [row] = await this.#sql.read<{ total: number }>(
            `SELECT count(*) AS total FROM ${waiting}`,
            [],
          );
          return row?.total ?? 0;
        },
      },
      {
        name: `gatehouse_${table}_oldest_seconds`,
        help: `How long the oldest row of ${table} has waited. 0 if none waits.`,
        kind: "gauge",
        read: async () => {
          const [row] = await this.#sql.read<{ oldest: number | null }>(
            `SELECT min(queued_at) AS oldest FROM ${waiting}`,
            [],
          );
          const oldest = row?.oldest ?? null;
          return oldest === null ? 0 : Math.max(this.#now() - oldest, 0) / 1000;
        },
      },
    ];
  }

  /** Waits until no row is being delivered. */
  async idle(): Promise<void> {
    await this.#running;
  }

  /**
   * Stops claiming rows, and waits for the rows that are being delivered. The other rows stay in the table.
   * @param timeout how long to wait, in milliseconds. The attempts are aborted {@link ABORT_TIMEOUT} before the end
   */
  async close(timeout: number = CLOSE_TIMEOUT): Promise<void> {
    this.#isClosed = true;
    const running = this.#running ?? Promise.resolve();
    await withinTime(running, Math.max(0, timeout - ABORT_TIMEOUT), () => {
      this.#closing.abort();
      return withinTime(running, ABORT_TIMEOUT, () => undefined);
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
        // Stop all lanes, because the receiver would fail for the other rows, too.
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

  /** @returns false if the receiver cannot be used at the moment */
  async #attempt(row: Row): Promise<boolean> {
    const { table, deliver, attemptTimeout } = this.#options;
    const signal = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(attemptTimeout)]);
    const fault = await this.#spans.run(`deliver ${table}`, () => deliver(row, signal), {
      isSeparate: true,
      faultOf: (failed) => failed?.code ?? null,
    });
    if (fault === null) await this.#delete(row);
    else if (fault.isPermanent) await this.#giveUp(row, fault);
    else await this.#postpone(row, fault);
    return fault?.isOfServer !== true;
  }

  async #postpone(row: Row, fault: Fault): Promise<void> {
    const { table, retry, giveUp, onFault } = this.#options;
    const now = this.#now();
    if (now - row.queuedAt >= giveUp) return this.#giveUp(row, fault);
    const pause = Math.min(retry.first * 2 ** (row.attempts - 1), retry.max);
    // Changes nothing if another instance has claimed the row after this instance's claim expired.
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
