import type { Sql } from "../sql.js";
import type { SessionRow } from "./principal.js";

/** How exact `lastUsedAt` is: it is written at most this often for each session, in milliseconds. */
const GRANULARITY = 60_000;
/** How long writes are collected, in milliseconds. */
const FLUSH_AFTER = 1000;
const BATCH_SIZE = 100;

/** Keeps when sessions were last used, out of the way of the requests that use them. */
export class LastUsed {
  readonly #sql: Sql;
  readonly #now: () => number;
  #pending = new Set<string>();
  #timer: NodeJS.Timeout | undefined;

  constructor(sql: Sql, now: () => number) {
    this.#sql = sql;
    this.#now = now;
  }

  /** Notes a use that is worth writing down. */
  touch({ id, lastUsedAt }: SessionRow): void {
    if (lastUsedAt !== null && this.#now() - lastUsedAt < GRANULARITY) return;
    this.#pending.add(id);
    this.#timer ??= setTimeout(() => {
      // What is lost while the database is away, is lost: the next use is noted again.
      this.flush().catch(() => undefined);
    }, FLUSH_AFTER).unref();
  }

  /** Writes all that is noted, one statement for each hundred sessions. */
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
        `UPDATE session SET last_used_at = ? WHERE id IN (${places})
         AND (last_used_at IS NULL OR last_used_at <= ?) RETURNING id`,
        [at, ...batch, at - GRANULARITY],
      );
    }
  }
}
