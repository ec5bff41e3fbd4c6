import type { RateLimiterAbstract } from "rate-limiter-flexible";

/** How often something may be tried. */
export interface LimiterRule {
  /** Names the counters of this rule. */
  readonly name: string;
  /** How many tries are free. */
  readonly points: number;
  /**
   * In seconds. Without {@link LimiterRule.delay}: from the first try on, until all of them are free again.
   * With it: from the last try on, until they are forgotten.
   */
  readonly window: number;
  /** After the free tries, one more at a time: how long until the next, in seconds, doubling from `first` to `max`. */
  readonly delay?: { readonly first: number; readonly max: number };
}

/** Where tries are counted. */
export interface Counters {
  readonly createLimiter: (rule: LimiterRule) => RateLimiterAbstract;
  close(): Promise<void>;
}

/** What is kept of a key. Instants are epoch milliseconds. */
export interface Count {
  readonly points: number;
  readonly blockedUntil: number;
  readonly expiresAt: number;
}

/** Counts one more try, which the caller has found not to be blocked. The same rule as a script: `redis-limiter.ts`. */
export function countTry(rule: LimiterRule, count: Count | undefined, now: number): Count {
  const known = count !== undefined && now < count.expiresAt ? count : undefined;
  const points = (known?.points ?? 0) + 1;
  const isLastFree = points >= rule.points;
  if (rule.delay === undefined) {
    const expiresAt = known?.expiresAt ?? now + rule.window * 1000;
    return { points, blockedUntil: isLastFree ? expiresAt : 0, expiresAt };
  }
  const { first, max } = rule.delay;
  const delay = isLastFree ? Math.min(first * 2 ** (points - rule.points), max) * 1000 : 0;
  return { points, blockedUntil: now + delay, expiresAt: now + delay + rule.window * 1000 };
}
