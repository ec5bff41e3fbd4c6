/**
 * A limit on the attempts for each key. A key stands for a user, an address or a session. Example: 30 logins per minute
 * from one address.
 */
export interface LimiterRule {
  /** The prefix of the rule's keys in a shared store. */
  readonly name: string;
  /** Attempts allowed before the key is blocked. */
  readonly limit: number;
  /**
   * The time after which all attempts are forgotten, in seconds. Without a `delay`, it counts from the first attempt.
   * With a `delay`, it counts from the last attempt, or from the end of the block that the last attempt caused.
   */
  readonly window: number;
  /**
   * In seconds. For example, `{ first: 1, max: 900 }` blocks the key for 1 second, then for 2, 4, … and at most 900.
   * Without a delay, the key is blocked until the window ends.
   * @default none
   */
  readonly delay?: { readonly first: number; readonly max: number };
}

/** The state that a store keeps for a key. Instants are epoch milliseconds. */
export interface Counter {
  readonly points: number;
  readonly blockedUntil: number;
  readonly expiresAt: number;
}

/**
 * Returns the counter after one more attempt of a key that is not blocked.
 *
 * {@link countAttemptSql} and {@link COUNT_ATTEMPT_LUA} do the same in SQL and in Lua. Change all three together.
 * @param counter undefined for a key without attempts
 */
export function countAttempt(
  rule: LimiterRule,
  counter: Counter | undefined,
  now: number,
): Counter {
  const live = counter !== undefined && now < counter.expiresAt ? counter : undefined;
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
 * Returns {@link countAttempt} as one SQL statement. Its parameters are the key and the values of a new counter. It
 * returns no row if the key is blocked.
 */
export function countAttemptSql(rule: LimiterRule): string {
  // The statement has no parameter for the current time. `excluded` is the row to insert, a new counter. It expires at
  // the current time plus a fixed lifetime, such as 60000 ms. So subtract that lifetime to get the current time.
  const now = `(excluded.expires_at - ${countAttempt(rule, undefined, 0).expiresAt})`;
  const points = "(throttle.points + 1)";
  const { blockedUntil, expiresAt } = nextInstantsSql(rule, now, points);
  const unlessExpired = (column: string, value: string) =>
    `${column} = CASE WHEN throttle.expires_at <= ${now} THEN excluded.${column} ELSE ${value} END`;
  return `INSERT INTO throttle (key, points, blocked_until, expires_at) VALUES (?, ?, ?, ?)
    ON CONFLICT (key) DO UPDATE SET
      ${unlessExpired("points", points)},
      ${unlessExpired("blocked_until", blockedUntil)},
      ${unlessExpired("expires_at", expiresAt)}
    WHERE throttle.blocked_until <= ${now} RETURNING key`;
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
  local blockedUntil = tonumber(counter[2] or 0)
  if now < blockedUntil then return blockedUntil - now end
  local points = tonumber(counter[1] or 0) + 1
  local reachesLimit = points >= limit
  local expiresAt
  if ARGV[3] then
    local first, max = tonumber(ARGV[3]), tonumber(ARGV[4])
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
