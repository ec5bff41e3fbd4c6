import type { LimiterRule } from "./limiter-rule.js";

/** Counts attempts for each key, such as a user or an address. */
export interface Limiter {
  /**
   * Counts an attempt if the key is not blocked.
   * @returns 0 if the attempt was counted, otherwise the milliseconds until the next attempt is allowed
   */
  consume(key: string): Promise<number>;

  reset(key: string): Promise<void>;
}

export interface LimiterStore {
  /** Rules with different names have separate counters. */
  readonly createLimiter: (rule: LimiterRule) => Limiter;

  close(): Promise<void>;
}
