import { createHmac, type KeyObject } from "node:crypto";
import { type RateLimiterAbstract, RateLimiterRes } from "rate-limiter-flexible";
import type { AuthConfig } from "../config/auth-config.js";
import { TooManyRequests } from "../errors.js";
import { addressKey } from "./address-key.js";
import type { LimiterRule } from "./limiter-rule.js";

const MINUTE = 60;

/** How long after an account's last failure it has its free tries again; and the longest wait between two tries. */
const FAILURE_WINDOW = 15 * MINUTE;
const FAILURE_DELAY = { first: 1, max: 15 * MINUTE };

/** What of the settings says how often. */
type ThrottleConfig = Pick<
  AuthConfig,
  | "loginFailuresPerAccount"
  | "loginsPerAddress"
  | "requestsPerAddress"
  | "refreshesPerAddress"
  | "refreshesPerSession"
>;

/** How often who may try: counted where a credential is checked, before it is, and never given back. */
export class Throttle {
  readonly #key: KeyObject;
  readonly #accountFailures: RateLimiterAbstract;
  readonly #addressLogins: RateLimiterAbstract;
  readonly #addressRequests: RateLimiterAbstract;
  readonly #addressRefreshes: RateLimiterAbstract;
  readonly #sessionRefreshes: RateLimiterAbstract;

  /**
   * @param createLimiter makes the counters of a rule, wherever they are kept
   * @param key hashes what is counted, so that no store learns who tried to log in
   */
  constructor(
    config: ThrottleConfig,
    createLimiter: (rule: LimiterRule) => RateLimiterAbstract,
    key: KeyObject,
  ) {
    const create = (name: string, points: number, window: number) =>
      createLimiter({ name, points, window });
    this.#key = key;
    this.#accountFailures = createLimiter({
      name: "account-failures",
      points: config.loginFailuresPerAccount,
      window: FAILURE_WINDOW,
      delay: FAILURE_DELAY,
    });
    this.#addressLogins = create("address-logins", config.loginsPerAddress, MINUTE);
    this.#addressRequests = create("address-requests", config.requestsPerAddress, MINUTE);
    this.#addressRefreshes = create("address-refreshes", config.refreshesPerAddress, 5 * MINUTE);
    this.#sessionRefreshes = create("session-refreshes", config.refreshesPerSession, 5 * MINUTE);
  }

  /**
   * Counts a login as one that failed, until {@link Throttle.loginSucceeded}.
   * @param account whose password it is, or would be
   * @param address null where nobody came over the network
   * @throws {@link TooManyRequests}
   */
  async login(account: string, address: string | null): Promise<void> {
    await this.#take(this.#addressRequests, address);
    await this.#take(this.#addressLogins, address);
    await this.#consume(this.#accountFailures, account);
  }

  /** Forgets the failures of an account. */
  async loginSucceeded(account: string): Promise<void> {
    await this.#accountFailures.delete(this.#hash(account));
  }

  /** Counts a call that checks a token. @throws {@link TooManyRequests} */
  async request(address: string | null): Promise<void> {
    await this.#take(this.#addressRequests, address);
  }

  /** Counts a refresh. @throws {@link TooManyRequests} */
  async refresh(sessionId: string, address: string | null): Promise<void> {
    await this.#take(this.#addressRefreshes, address);
    await this.#consume(this.#sessionRefreshes, sessionId);
  }

  async #take(limiter: RateLimiterAbstract, address: string | null): Promise<void> {
    if (address !== null) await this.#consume(limiter, addressKey(address));
  }

  async #consume(limiter: RateLimiterAbstract, text: string): Promise<void> {
    try {
      await limiter.consume(this.#hash(text));
    } catch (error) {
      if (!(error instanceof RateLimiterRes)) throw error;
      throw new TooManyRequests(Math.max(1, Math.ceil(error.msBeforeNext / 1000)));
    }
  }

  #hash(text: string): string {
    return createHmac("sha256", this.#key).update(text).digest("base64url");
  }
}
