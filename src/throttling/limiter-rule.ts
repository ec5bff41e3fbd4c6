/**
 * A limit on the attempts of each key, such as 30 logins per minute from one IP address. A key is, for example, a user,
 * an address or a session.
 */
export interface LimiterRule {
  /** The prefix of the rule's keys in a shared store. */
  readonly name: string;
  /** How many attempts are allowed before the key is blocked. */
  readonly limit: number;
  /**
   * Seconds after which all attempts are forgotten. Without a `delay`, the time starts at the first attempt. With a
   * `delay`, the time starts at the last attempt, or at the end of the block that the last attempt caused.
   */
  readonly window: number;
  /**
   * How long the key is blocked, in seconds. For example, `{ first: 1, max: 900 }` blocks the key for 1 second, then
   * for 2, 4, … and at most 900. Without a delay, the key is blocked until the window ends.
   * @default none
   */
  readonly delay?: { readonly first: number; readonly max: number };
}

/** The attempts of a key. Instants are epoch milliseconds. */
export interface Counter {
  readonly points: number;
  readonly blockedUntil: number;
  readonly expiresAt: number;
}

/** How far the clocks of servers that share a counter may differ, in milliseconds. */
const CLOCK_DIFFERENCE = 60_000;

/**
 * Returns the longest time that a counter can live, in milliseconds. A counter that expires later was written while a
 * clock was wrong. Such a counter is ignored, because it could block its key for years.
 */
function longestLife({ window, delay }: LimiterRule): number {
  return (window + (delay?.max ?? 0)) * 1000 + CLOCK_DIFFERENCE;
}

/** Returns for how many milliseconds the key is blocked. 0 if it is not blocked. */
export function blockedFor(
  rule: LimiterRule,
  counter: Omit<Counter, "points"> | undefined,
  now: number,
): number {
  if (counter === undefined || counter.expiresAt > now + longestLife(rule)) return 0;
  return Math.max(0, counter.blockedUntil - now);
}

/**
 * Returns the instant until which a counter with these points blocks its key. The instant is 0 or in the past if the
 * counter does not block its key.
 */
export function blockedUntil(
  { limit, window, delay }: LimiterRule,
  points: number,
  expiresAt: number,
): number {
  if (delay !== undefined) return expiresAt - window * 1000;
  return points >= limit ? expiresAt : 0;
}

/**
 * Returns the counter after one more attempt. The key must not be blocked.
 *
 * {@link countAttemptSql} and {@link COUNT_ATTEMPT_LUA} do the same in SQL and in Lua. Change all three together.
 * @param counter undefined for a key without attempts
 */
export function countAttempt(
  rule: LimiterRule,
  counter: Counter | undefined,
  now: number,
): Counter {
  const remaining = (counter?.expiresAt ?? 0) - now;
  const live = remaining > 0 && remaining <= longestLife(rule) ? counter : undefined;
  const points = (live?.points ?? 0) + 1;
  const reachesLimit = points >= rule.limit;
  if (rule.delay === undefined) {
    const expiresAt = live?.expiresAt ?? now + rule.window * 1000;
    return { points, blockedUntil: reachesLimit ? expiresAt : 0, expiresAt };
  }
  const { first, max } = rule.delay;
  const delay = reachesLimit ? Math.min(first * 2 ** (points - rule.limit), max) : 0;
  const blockedUntil = now + delay * 1000;
  return { points, blockedUntil, expiresAt: blockedUntil + rule.window * 1000 };
}

/**
 * Returns an SQL statement that does the same as {@link countAttempt}. Its parameters are the key and the values of a
 * new counter. It returns no row if the key is blocked.
 */
export function countAttemptSql(rule: LimiterRule): string {
  // The current time, computed from the new counter (`excluded`): its expiry minus its lifetime.
  const now = `(excluded.expires_at - ${countAttempt(rule, undefined, 0).expiresAt})`;
  const points = "(throttle.points + 1)";
  const { blockedUntil, expiresAt } = nextInstantsSql(rule, now, points);
  const isSetBack = `throttle.expires_at > ${now} + ${longestLife(rule)}`;
  const unlessExpired = (column: string, value: string) =>
    `${column} = CASE WHEN throttle.expires_at <= ${now} OR ${isSetBack} THEN excluded.${column} ELSE ${value} END`;
  return `INSERT INTO throttle (key, points, blocked_until, expires_at) VALUES (?, ?, ?, ?)
    ON CONFLICT (key) DO UPDATE SET
      ${unlessExpired("points", points)},
      ${unlessExpired("blocked_until", blockedUntil)},
      ${unlessExpired("expires_at", expiresAt)}
    WHERE throttle.blocked_until <= ${now} OR ${isSetBack} RETURNING key`;
}

function nextInstantsSql({ limit, window, delay }: LimiterRule, now: string, points: string) {
  const reachesLimit = `${points} >= ${limit}`;
  if (delay === undefined) {
    const expiresAt = "throttle.expires_at";
    return { blockedUntil: `CASE WHEN ${reachesLimit} THEN ${expiresAt} ELSE 0 END`, expiresAt };
  }
  const { first, max } = delay;
  const doublings = Math.ceil(Math.log2(max / first));
  const seconds = `CASE WHEN ${points} >= ${limit + doublings} THEN ${max}
    WHEN ${reachesLimit} THEN ${first} * (1 << (${points} - ${limit})) ELSE 0 END`;
  const blockedUntil = `${now} + 1000 * (${seconds})`;
  return { blockedUntil, expiresAt: `${blockedUntil} + ${window * 1000}` };
}

/**
 * Does the same as {@link countAttempt} in Redis, atomically and on the clock of Redis.
 * `ARGV` is `[limit, window]`. For a rule with a delay, `ARGV` is `[limit, window, first, max]`.
 * Returns 0 if the attempt was counted, otherwise the milliseconds until the next attempt is allowed.
 */
export const COUNT_ATTEMPT_LUA = `
  local limit, window = tonumber(ARGV[1]), tonumber(ARGV[2]) * 1000
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  local counter = redis.call('HMGET', KEYS[1], 'points', 'blockedUntil', 'expiresAt')
  local max = tonumber(ARGV[4] or 0)
  if tonumber(counter[3] or 0) > now + window + max * 1000 + ${CLOCK_DIFFERENCE} then counter = {} end
  local blockedUntil = tonumber(counter[2] or 0)
  if now < blockedUntil then return blockedUntil - now end
  local points = tonumber(counter[1] or 0) + 1
  local reachesLimit = points >= limit
  local expiresAt
  if ARGV[3] then
    local first = tonumber(ARGV[3])
    local delay = reachesLimit and math.min(first * 2 ^ (points - limit), max) or 0
    blockedUntil = now + delay * 1000
    expiresAt = blockedUntil + window
  else
    expiresAt = tonumber(counter[3] or now + window)
    blockedUntil = reachesLimit and expiresAt or 0
  end
  redis.call('HSET', KEYS[1], 'points', points, 'blockedUntil', blockedUntil, 'expiresAt', expiresAt)
  redis.call('PEXPIREAT', KEYS[1], expiresAt)
  return 0`;
