import type { LimiterRule } from "./limiter-rule.js";

/** Counts attempts under one rule. */
export interface Limiter {
  /**
   * Counts an attempt, unless the key is blocked.
   * @returns the milliseconds until the next attempt is allowed, or 0 if this attempt was counted
   */
  consume(key: string): Promise<number>;

  /** Forgets the attempts of a key. */
  reset(key: string): Promise<void>;
}

/** The store that keeps the counters of all limiters. */
export interface LimiterStore {
  /** Creates a limiter. Rules with different names have separate counters. */
  readonly createLimiter: (rule: LimiterRule) => Limiter;

  /** Closes the store's own connection, if it has one. */
  close(): Promise<void>;
}
