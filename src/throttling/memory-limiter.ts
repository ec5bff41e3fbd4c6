import { LRUCache } from "lru-cache";
import type { Limiter } from "./limiter.js";
import { type Counter, countAttempt, type LimiterRule } from "./limiter-rule.js";

/** The most keys that are kept. Beyond that, the least recently used key is evicted. */
const MAX_KEYS = 100_000;

/** Counts in this process. The counters are lost when it ends. */
export class MemoryLimiter implements Limiter {
  readonly #rule: LimiterRule;
  readonly #now: () => number;
  // The option `max` is not used, because it would allocate room for every key at startup, which is slow.
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
