import type { Sql } from "../sql.js";
import { type Count, countTry, type LimiterRule } from "./limiter-rule.js";
import { StoreLimiter } from "./store-limiter.js";

/** How often a try is counted anew that was free when it was looked at, and is not any more. */
const MAX_ATTEMPTS = 10;
/** How long such a one waits, in milliseconds. */
const CROWDED = 1000;

const READ = `SELECT blocked_until AS "blockedUntil" FROM throttle WHERE key = ?`;

/** Counts in the database, which survives a restart and is shared by all who use it. */
export class SqlLimiter extends StoreLimiter {
  readonly #rule: LimiterRule;
  readonly #sql: Sql;
  readonly #now: () => number;
  readonly #statement: string;

  constructor(rule: LimiterRule, sql: Sql, now: () => number) {
    super(rule);
    this.#rule = rule;
    this.#sql = sql;
    this.#now = now;
    this.#statement = statementOf(rule);
  }

  protected override async _upsert(key: string): Promise<number> {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
      const now = this.#now();
      // Who is blocked writes nothing, so that an attack does not hold up those who write.
      const [count] = await this.#sql.read<Pick<Count, "blockedUntil">>(READ, [key]);
      if (count !== undefined && now < count.blockedUntil) return count.blockedUntil - now;
      const { points, blockedUntil, expiresAt } = countTry(this.#rule, undefined, now);
      const counted = await this.#sql.write(this.#statement, [
        key,
        points,
        blockedUntil,
        expiresAt,
      ]);
      if (counted.length === 1) return 0;
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

/**
 * {@link countTry} as one statement, so that of tries at the same moment each counts. Its parameters are the row of a first
 * try; it gives no row for a key that is blocked.
 */
function statementOf(rule: LimiterRule): string {
  // When a first try is forgotten tells what time it is.
  const now = `(excluded.expires_at - ${countTry(rule, undefined, 0).expiresAt})`;
  const points = "(throttle.points + 1)";
  const { blockedUntil, expiresAt } = countAgain(rule, now, points);
  const unlessForgotten = (column: string, value: string) =>
    `${column} = CASE WHEN throttle.expires_at <= ${now} THEN excluded.${column} ELSE ${value} END`;
  return `INSERT INTO throttle (key, points, blocked_until, expires_at) VALUES (?, ?, ?, ?)
    ON CONFLICT (key) DO UPDATE SET
      ${unlessForgotten("points", points)},
      ${unlessForgotten("blocked_until", blockedUntil)},
      ${unlessForgotten("expires_at", expiresAt)}
    WHERE throttle.blocked_until <= ${now} RETURNING key`;
}

function countAgain(rule: LimiterRule, now: string, points: string) {
  const isLastFree = `${points} >= ${rule.points}`;
  if (rule.delay === undefined) {
    const expiresAt = "throttle.expires_at";
    return { blockedUntil: `CASE WHEN ${isLastFree} THEN ${expiresAt} ELSE 0 END`, expiresAt };
  }
  const { first, max } = rule.delay;
  const doublings = Math.ceil(Math.log2(max / first));
  const delay = `CASE WHEN ${points} >= ${rule.points + doublings} THEN ${max}
    WHEN ${isLastFree} THEN ${first} * (1 << (${points} - ${rule.points})) ELSE 0 END`;
  const blockedUntil = `${now} + 1000 * (${delay})`;
  return { blockedUntil, expiresAt: `${blockedUntil} + ${rule.window * 1000}` };
}
