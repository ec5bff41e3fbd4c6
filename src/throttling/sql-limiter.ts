import type { Sql } from "../sql.js";
import { type Count, countTry, type LimiterRule } from "./limiter-rule.js";
import { StoreLimiter } from "./store-limiter.js";

/** How often a try that others overtook is counted anew before it is refused. */
const MAX_ATTEMPTS = 200;
/** How long such a one waits, in milliseconds. */
const CROWDED = 1000;

const READ = `SELECT points, blocked_until AS "blockedUntil", expires_at AS "expiresAt" FROM throttle WHERE key = ?`;

/** Writes only where the row is still as it was read, so that of tries at the same moment each counts. */
const WRITE = `INSERT INTO throttle (key, points, blocked_until, expires_at) VALUES (?, ?, ?, ?)
  ON CONFLICT (key) DO UPDATE SET points = excluded.points, blocked_until = excluded.blocked_until,
    expires_at = excluded.expires_at
  WHERE throttle.points = ? AND throttle.expires_at = ? AND throttle.blocked_until = ? RETURNING key`;

/** Counts in the database, which survives a restart and is shared by all who use it. */
export class SqlLimiter extends StoreLimiter {
  readonly #rule: LimiterRule;
  readonly #sql: Sql;
  readonly #now: () => number;

  constructor(rule: LimiterRule, sql: Sql, now: () => number) {
    super(rule);
    this.#rule = rule;
    this.#sql = sql;
    this.#now = now;
  }

  protected override async _upsert(key: string): Promise<number> {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
      const now = this.#now();
      const [count] = await this.#sql.read<Count>(READ, [key]);
      if (count !== undefined && now < count.blockedUntil) return count.blockedUntil - now;
      const { points, blockedUntil, expiresAt } = countTry(this.#rule, count, now);
      const written = await this.#sql.write(WRITE, [
        ...[key, points, blockedUntil, expiresAt],
        ...[count?.points ?? 0, count?.expiresAt ?? 0, count?.blockedUntil ?? 0],
      ]);
      if (written.length === 1) return 0;
    }
    return CROWDED;
  }

  protected override async _delete(key: string): Promise<boolean> {
    const deleted = await this.#sql.write("DELETE FROM throttle WHERE key = ? RETURNING key", [
      key,
    ]);
    return deleted.length > 0;
  }
}
