import type { Sql } from "../sql.js";
import type { SessionRow } from "./session-reader.js";

/** The shortest time between two writes for one session, in milliseconds. */
const GRANULARITY = 60_000;
/** How long to collect used sessions before a write, in milliseconds. */
const FLUSH_AFTER = 1000;
const BATCH_SIZE = 100;
/** How many sessions wait for one write at most. Until the write, the use of further sessions is not stored. */
const MAX_PENDING = 500;

/** Stores when sessions were last used. A timer writes to the database, so that no request waits for the write. */
export class LastUsed {
  readonly #sql: Sql;
  readonly #now: () => number;
  #pending = new Set<string>();
  #timer: NodeJS.Timeout | undefined;

  constructor(sql: Sql, now: () => number) {
    this.#sql = sql;
    this.#now = now;
  }

  touch({ id, lastUsedAt }: SessionRow): void {
    if (this.#now() - (lastUsedAt ?? 0) < GRANULARITY || this.#pending.size >= MAX_PENDING) return;
    this.#pending.add(id);
    this.#timer ??= setTimeout(() => {
      // Ignore errors, because only some times of last use are lost.
      this.flush().catch(() => undefined);
    }, FLUSH_AFTER).unref();
  }

  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const ids = [...this.#pending];
    this.#pending = new Set();
    const at = this.#now();
    for (let start = 0; start < ids.length; start += BATCH_SIZE) {
      const batch = ids.slice(start, start + BATCH_SIZE);
      const places = batch.map(() => "?").join(", ");
      await this.#sql.write(
        `UPDATE session SET last_used_at = ? WHERE id IN (
           SELECT id FROM session WHERE id IN (${places}) AND (last_used_at IS NULL OR last_used_at <= ?)
           ${this.#sql.skipLocked}) RETURNING id`,
        [at, ...batch, at - GRANULARITY],
      );
    }
  }
}
