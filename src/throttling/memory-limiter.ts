import { LRUCache } from "lru-cache";
import type { Limiter } from "./limiter.js";
import { type Counter, countAttempt, type LimiterRule } from "./limiter-rule.js";

/** How many keys are kept. If there are more, the least recently used key is evicted. */
const MAX_KEYS = 100_000;

/** Counts in memory. The counters are lost when the process ends. */
export class MemoryLimiter implements Limiter {
  readonly #rule: LimiterRule;
  readonly #now: () => number;
  // The option `max` would allocate room for all keys at startup, which is slow.
  readonly #counters = new LRUCache<string, Counter>({
    maxSize: MAX_KEYS,
    sizeCalculation: () => 1,
  });

  constructor(rule: LimiterRule, now: () => number) {
    this.#rule = rule;
    this.#now = now;
  }

  consume(key: string): Promise<number> {
    const now = this.#now();
    const counter = this.#counters.get(key);
    if (counter !== undefined && now < counter.blockedUntil) {
      return Promise.resolve(counter.blockedUntil - now);
    }
    this.#counters.set(key, countAttempt(this.#rule, counter, now));
    return Promise.resolve(0);
  }

  reset(key: string): Promise<void> {
    this.#counters.delete(key);
    return Promise.resolve();
  }
}
