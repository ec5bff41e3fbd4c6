import type { AuthConfig } from "../config/auth-config.js";
import type { Sql } from "../sql.js";
import type { LimiterStore } from "./limiter.js";
import { MemoryLimiter } from "./memory-limiter.js";
import { SqlLimiter } from "./sql-limiter.js";

/** @param onFault called with an error when Redis fails. Requests do not fail then. */
export async function openLimiterStore(
  { redisUrl, throttleStore, now }: Pick<AuthConfig, "redisUrl" | "throttleStore" | "now">,
  sql: Sql,
  onFault: (error: unknown) => void,
): Promise<LimiterStore> {
  if (redisUrl !== undefined) {
    // Load the Redis client only here, because most installations do not need it.
    const { openRedisStore } = await import("./redis-limiter.js");
    return openRedisStore(redisUrl, now, onFault);
  }
  return {
    createLimiter: (rule) =>
      throttleStore === "database" ? new SqlLimiter(rule, sql, now) : new MemoryLimiter(rule, now),
    close: () => Promise.resolve(),
  };
}
