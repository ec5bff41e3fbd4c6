import { LRUCache } from "lru-cache";
import { type Count, countTry, type LimiterRule } from "./limiter-rule.js";
import { StoreLimiter } from "./store-limiter.js";

/** How many keys are remembered; then the one that was idle longest is forgotten. */
const MAX_KEYS = 100_000;

/** Counts in this process, and forgets all at its end. */
export class MemoryLimiter extends StoreLimiter {
  readonly #rule: LimiterRule;
  readonly #now: () => number;
  readonly #counts = new LRUCache<string, Count>({ max: MAX_KEYS });

  constructor(rule: LimiterRule, now: () => number) {
    super(rule);
    this.#rule = rule;
    this.#now = now;
  }

  protected override _upsert(key: string): Promise<number> {
    const now = this.#now();
    const count = this.#counts.get(key);
    if (count !== undefined && now < count.blockedUntil) {
      return Promise.resolve(count.blockedUntil - now);
    }
    this.#counts.set(key, countTry(this.#rule, count, now));
    return Promise.resolve(0);
  }

  protected override _delete(key: string): Promise<boolean> {
    return Promise.resolve(this.#counts.delete(key));
  }
}
