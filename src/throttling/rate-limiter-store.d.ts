/** What a limiter over a store of one's own overrides; the package's types leave it out. */
declare module "rate-limiter-flexible/lib/RateLimiterStoreAbstract.js" {
  import type { RateLimiterRes, RateLimiterStoreAbstract } from "rate-limiter-flexible";

  interface StoreOptions {
    readonly keyPrefix: string;
    readonly points: number;
    readonly duration: number;
  }

  const Base: new (options: StoreOptions) => RateLimiterStoreAbstract;

  /** @template Result what the store answers with */
  export default abstract class StoreLimiter<Result> extends Base {
    protected abstract _upsert(key: string): Promise<Result>;
    protected abstract _delete(key: string): Promise<boolean>;
    protected abstract _getRateLimiterRes(
      key: string,
      changedPoints: number,
      result: Result,
    ): RateLimiterRes;
  }
}
