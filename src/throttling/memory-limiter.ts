import { LRUCache } from "lru-cache";
import type { Limiter } from "./limiter.js";
import {
  blockedFor,
  blockedUntil,
  type Counter,
  countAttempt,
  type LimiterRule,
} from "./limiter-rule.js";

/** How many keys have a counter of their own. One more key evicts the least recently used key. */
const MAX_KEYS = 20_000;
/** The number of counters in {@link SharedCounters}. */
const SHARED = 2 ** 20;

/**
 * Counts attempts in memory. The counters are lost when the process ends. An evicted key keeps its attempts. Otherwise
 * an attacker could try many made-up names to evict the key of an account, and so reset its attempts.
 */
export class MemoryLimiter implements Limiter {
  readonly #rule: LimiterRule;
  readonly #now: () => number;
  // Do not use the option `max`, which allocates memory for all keys at startup.
  readonly #counters = new LRUCache<string, Counter>({
    maxSize: MAX_KEYS,
    sizeCalculation: () => 1,
    dispose: (counter, key, reason) => {
      if (reason === "evict") this.#shared.merge(key, counter, this.#now());
    },
  });
  readonly #shared: SharedCounters;

  constructor(rule: LimiterRule, now: () => number) {
    this.#rule = rule;
    this.#now = now;
    this.#shared = new SharedCounters(rule);
  }

  consume(key: string): Promise<number> {
    const now = this.#now();
    const counter = this.#counters.get(key) ?? this.#shared.get(key);
    const wait = blockedFor(this.#rule, counter, now);
    if (wait > 0) return Promise.resolve(wait);
    this.#counters.set(key, countAttempt(this.#rule, counter, now));
    return Promise.resolve(0);
  }

  reset(key: string): Promise<void> {
    this.#counters.delete(key);
    this.#shared.delete(key);
    return Promise.resolve();
  }
}

/**
 * The attempts of evicted keys. Allocates 12 MiB at the first eviction. Keys with the same hash share a counter, which
 * holds the highest number of attempts. So a key can have too many attempts, but never too few. For example, after a
 * million evicted keys with one attempt each, most new keys start with one attempt.
 */
class SharedCounters {
  readonly #rule: LimiterRule;
  #points = new Uint32Array();
  #expiresAt = new Float64Array();

  constructor(rule: LimiterRule) {
    this.#rule = rule;
  }

  /** Returns the counter of a key. For a key without attempts, returns an expired counter. */
  get(key: string): Counter {
    const at = indexOf(key);
    const points = this.#points[at] ?? 0;
    const expiresAt = this.#expiresAt[at] ?? 0;
    return { points, blockedUntil: blockedUntil(this.#rule, points, expiresAt), expiresAt };
  }

  merge(key: string, { points, expiresAt }: Counter, now: number): void {
    if (expiresAt <= now) return;
    if (this.#points.length === 0) {
      this.#points = new Uint32Array(SHARED);
      this.#expiresAt = new Float64Array(SHARED);
    }
    const other = this.get(key);
    const at = indexOf(key);
    this.#points[at] = now < other.expiresAt ? Math.max(points, other.points) : points;
    this.#expiresAt[at] = Math.max(expiresAt, other.expiresAt);
  }

  delete(key: string): void {
    // Does nothing before the first eviction, because the array is still empty.
    this.#expiresAt[indexOf(key)] = 0;
  }
}

/**
 * Returns the index of a key's counter. An attacker cannot find keys with the same index, because the keys are hashes
 * with a secret.
 * @see https://datatracker.ietf.org/doc/html/draft-eastlake-fnv FNV-1a
 */
function indexOf(key: string): number {
  let hash = 0x811c9dc5;
  for (const letter of key) hash = Math.imul(hash ^ letter.charCodeAt(0), 0x01000193);
  return (hash >>> 0) % SHARED;
}
