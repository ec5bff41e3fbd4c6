import type { Sql } from "../sql.js";
import type { Limiter } from "./limiter.js";
import {
  blockedFor,
  type Counter,
  countAttempt,
  countAttemptSql,
  type LimiterRule,
} from "./limiter-rule.js";

/**
 * How many times `consume` tries to count an attempt. A try fails if another request blocks the key between the read
 * and the write.
 */
const MAX_RACES = 10;
/** How long the client must wait if all {@link MAX_RACES} tries fail, in milliseconds. */
const LOST_RACES_WAIT = 1000;

const READ = `SELECT blocked_until AS "blockedUntil", expires_at AS "expiresAt" FROM throttle WHERE key = ?`;
const DELETE = `DELETE FROM throttle WHERE key = ? RETURNING key`;

/** Counts attempts in the database, which all instances share. */
export class SqlLimiter implements Limiter {
  readonly #rule: LimiterRule;
  readonly #sql: Sql;
  readonly #now: () => number;
  readonly #statement: string;

  constructor(rule: LimiterRule, sql: Sql, now: () => number) {
    this.#rule = rule;
    this.#sql = sql;
    this.#now = now;
    this.#statement = countAttemptSql(rule);
  }

  async consume(key: string): Promise<number> {
    const id = this.#idOf(key);
    for (let races = 0; races < MAX_RACES; races += 1) {
      const now = this.#now();
      // Read first, so that a blocked attempt does not write. Otherwise an attack would slow down other writers.
      const [counter] = await this.#sql.read<Omit<Counter, "points">>(READ, [id]);
      const wait = blockedFor(this.#rule, counter, now);
      if (wait > 0) return wait;
      const { points, blockedUntil, expiresAt } = countAttempt(this.#rule, undefined, now);
      const parameters = [id, points, blockedUntil, expiresAt];
      const counted = await this.#sql.write(this.#statement, parameters);
      if (counted.length === 1) return 0;
    }
    return LOST_RACES_WAIT;
  }

  async reset(key: string): Promise<void> {
    await this.#sql.write(DELETE, [this.#idOf(key)]);
  }

  #idOf(key: string): string {
    return `${this.#rule.name}:${key}`;
  }
}
