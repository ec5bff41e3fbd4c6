import { RateLimiterRes } from "rate-limiter-flexible";
import RateLimiterStoreAbstract from "rate-limiter-flexible/lib/RateLimiterStoreAbstract.js";
import type { LimiterRule } from "./limiter-rule.js";

/** A limiter of rate-limiter-flexible over a store of ours. */
export abstract class StoreLimiter extends RateLimiterStoreAbstract<number> {
  readonly #points: number;

  constructor({ name, points, window }: LimiterRule) {
    super({ keyPrefix: name, points, duration: window });
    this.#points = points;
  }

  /** Counts a try, unless the key is blocked. @returns how long it still is, in milliseconds; 0 when it was counted */
  protected abstract override _upsert(key: string): Promise<number>;

  protected override _getRateLimiterRes(
    _key: string,
    _changedPoints: number,
    wait: number,
  ): RateLimiterRes {
    return new RateLimiterRes(0, wait, wait > 0 ? this.#points + 1 : 1);
  }
}
