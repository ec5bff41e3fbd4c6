import type { AuthConfig } from "../config/auth-config.js";
import type { Sql } from "../sql.js";
import type { Counters, LimiterRule } from "./limiter-rule.js";
import { MemoryLimiter } from "./memory-limiter.js";
import { SqlLimiter } from "./sql-limiter.js";

/**
 * Opens the place where tries are counted: Redis where there is one, else what `throttleStore` says.
 * @param onFault called when Redis goes away, which refuses nobody and lets nobody through
 */
export async function openCounters(
  { redisUrl, throttleStore, now }: Pick<AuthConfig, "redisUrl" | "throttleStore" | "now">,
  sql: Sql,
  onFault: (error: unknown) => void,
): Promise<Counters> {
  if (redisUrl !== undefined) {
    // Loaded only where it is used.
    const { openRedisCounters } = await import("./redis-limiter.js");
    return openRedisCounters(redisUrl, now, onFault);
  }
  const createLimiter =
    throttleStore === "database"
      ? (rule: LimiterRule) => new SqlLimiter(rule, sql, now)
      : (rule: LimiterRule) => new MemoryLimiter(rule, now);
  return { createLimiter, close: () => Promise.resolve() };
}
