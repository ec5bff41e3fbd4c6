import { setTimeout as sleep } from "node:timers/promises";
import { RateLimiterRedis, RLWrapperTimeouts } from "rate-limiter-flexible";
import { createClient } from "redis";
import type { Counters, LimiterRule } from "./limiter-rule.js";
import { MemoryLimiter } from "./memory-limiter.js";

/** In milliseconds: when Redis does not answer by then, this process counts by itself. */
const TIMEOUT = 500;
/** How many look-ups may wait for an answer; what comes beyond is counted here at once. */
const MAX_WAITING = 1000;
/** In milliseconds: how long a start waits for Redis, and at most until it is tried again. */
const PATIENCE = 1000;

/**
 * Counts in Redis, shared by several instances; and in this process for as long as Redis is away.
 * @param onFault called when it goes away, and not again until it has been back
 */
export async function openRedisCounters(
  url: string,
  now: () => number,
  onFault: (error: unknown) => void,
): Promise<Counters> {
  const client = createClient({
    url,
    disableOfflineQueue: true,
    commandsQueueMaxLength: MAX_WAITING,
    pingInterval: 5 * PATIENCE,
    socket: {
      connectTimeout: PATIENCE,
      reconnectStrategy: (retries) => Math.min(50 * 2 ** retries, PATIENCE),
    },
  });
  let isFaulty = false;
  client.on("ready", () => (isFaulty = false));
  client.on("error", (error: unknown) => {
    const message = "Redis is away: until it is back, this process counts by itself";
    if (!isFaulty) onFault(new Error(message, { cause: error }));
    isFaulty = true;
  });
  const connecting = client.connect().catch(() => undefined);
  await Promise.race([connecting, sleep(PATIENCE, undefined, { ref: false })]);
  return {
    createLimiter: (rule) => createRedisLimiter(rule, client, now),
    close: () => {
      client.destroy();
      return Promise.resolve();
    },
  };
}

function createRedisLimiter(
  rule: LimiterRule,
  storeClient: object,
  now: () => number,
): RLWrapperTimeouts {
  const insuranceLimiter = new MemoryLimiter(rule, now);
  const limiter = new RateLimiterRedis({
    storeClient,
    useRedisPackage: true,
    rejectIfRedisNotReady: true,
    keyPrefix: `gatehouse:${rule.name}`,
    points: rule.points,
    duration: rule.window,
    customIncrTtlLuaScript: scriptOf(rule),
  });
  // It alone falls back: a look-up that fails after it has timed out is not counted twice.
  return new RLWrapperTimeouts({ limiter, timeoutMs: TIMEOUT, insuranceLimiter });
}

/**
 * {@link countTry} as one script, which Redis runs alone. By Redis's own clock.
 * It gives more points than there are for a key that is blocked, and for how many milliseconds it is.
 */
function scriptOf({ points, window, delay }: LimiterRule): string {
  return `
    local time = redis.call('TIME')
    local now = time[1] * 1000 + math.floor(time[2] / 1000)
    local count = redis.call('HMGET', KEYS[1], 'points', 'blockedUntil', 'expiresAt')
    local blockedUntil = tonumber(count[2] or 0)
    if now < blockedUntil then return { ${points + 1}, blockedUntil - now } end
    local points = tonumber(count[1] or 0) + 1
    local expiresAt = tonumber(count[3] or now + ${window * 1000})
    blockedUntil = 0
    ${delay === undefined ? WINDOW(points) : DELAY(points, window, delay)}
    redis.call('HSET', KEYS[1], 'points', points, 'blockedUntil', blockedUntil, 'expiresAt', expiresAt)
    redis.call('PEXPIREAT', KEYS[1], expiresAt)
    return { 1, 0 }`;
}

const WINDOW = (points: number) => `if points >= ${points} then blockedUntil = expiresAt end`;

const DELAY = (points: number, window: number, { first, max }: { first: number; max: number }) => `
    local delay = 0
    if points >= ${points} then delay = math.min(${first} * 2 ^ (points - ${points}), ${max}) * 1000 end
    blockedUntil = now + delay
    expiresAt = blockedUntil + ${window * 1000}`;
