import { LRUCache } from "lru-cache";
import type { Limiter } from "./limiter.js";
import { blockedFor, type Counter, countAttempt, type LimiterRule } from "./limiter-rule.js";

/** How many keys have a counter of their own. One more key evicts the least recently used key. */
const MAX_KEYS = 100_000;
/** The number of shared counters. */
const SHARED = 2 ** 20;

/**
 * Counts in memory. The counters are lost when the process ends. An evicted key keeps its attempts, because otherwise an
 * attacker could evict the key of an account by trying many made-up names.
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
  readonly #shared = new SharedCounters();

  constructor(rule: LimiterRule, now: () => number) {
    this.#rule = rule;
    this.#now = now;
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
 * The attempts of evicted keys, in 24 MiB that are allocated at the first eviction. Keys with the same hash share a
 * counter, which has the attempts of the key with the most. So a key can have too many attempts, but never too few. A
 * million evicted keys that failed once cost another key about one of its free attempts.
 */
class SharedCounters {
  /** The points, `blockedUntil` and `expiresAt` of each counter. */
  #numbers: Float64Array | undefined;

  get(key: string): Counter | undefined {
    const numbers = this.#numbers;
    if (numbers === undefined) return undefined;
    const at = indexOf(key);
    const points = numbers[at] ?? 0;
    if (points === 0) return undefined;
    return { points, blockedUntil: numbers[at + 1] ?? 0, expiresAt: numbers[at + 2] ?? 0 };
  }

  merge(key: string, { points, blockedUntil, expiresAt }: Counter, now: number): void {
    if (expiresAt <= now) return;
    this.#numbers ??= new Float64Array(3 * SHARED);
    const other = this.get(key);
    const live = other !== undefined && now < other.expiresAt ? other : undefined;
    const at = indexOf(key);
    this.#numbers[at] = Math.max(points, live?.points ?? 0);
    this.#numbers[at + 1] = Math.max(blockedUntil, live?.blockedUntil ?? 0);
    this.#numbers[at + 2] = Math.max(expiresAt, live?.expiresAt ?? 0);
  }

  delete(key: string): void {
    const at = indexOf(key);
    this.#numbers?.fill(0, at, at + 3);
  }
}

/**
 * Returns where the numbers of a key are. Nobody can choose keys with the same hash, because the keys are keyed hashes
 * themselves.
 * @see https://datatracker.ietf.org/doc/html/draft-eastlake-fnv FNV-1a
 */
function indexOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < key.length; index += 1) {
    hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193);
  }
  return 3 * ((hash >>> 0) % SHARED);
}
