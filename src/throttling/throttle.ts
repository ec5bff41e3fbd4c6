import { createHmac, type KeyObject } from "node:crypto";
import type { AuthConfig } from "../config/auth-config.js";
import { TooManyRequests } from "../errors.js";
import { type Client, NO_CLIENT } from "../events.js";
import { addressKey } from "./address-key.js";
import type { Limiter, LimiterStore } from "./limiter.js";
import { Blocked, RunningChecks } from "./running-checks.js";

const MINUTE = 60;

/**
 * How long the failures of an account count, in seconds. The time starts at the last failure. If that failure caused a
 * delay, the time starts at the end of the delay.
 */
const FAILURE_WINDOW = 15 * MINUTE;
/** The delay after too many failed logins, in seconds. It doubles from `first` up to `max`. */
const FAILURE_DELAY = { first: 1, max: 15 * MINUTE };

/** All clients without an address share one counter. */
const NO_ADDRESS = "no address";

type ThrottleConfig = Pick<
  AuthConfig,
  | "loginFailuresPerAccount"
  | "loginsPerAddress"
  | "requestsPerAddress"
  | "refreshesPerAddress"
  | "refreshesPerSession"
>;

/** The rate limits. Each attempt is counted before its credential is checked. */
export class Throttle {
  readonly #key: KeyObject;
  readonly #accountFailures: Limiter;
  readonly #addressLogins: Limiter;
  readonly #addressRequests: Limiter;
  readonly #addressRefreshes: Limiter;
  readonly #sessionRefreshes: Limiter;
  readonly #checks = new RunningChecks();

  /** @param key hashes users and addresses, so that the store does not reveal who tried to log in */
  constructor(
    config: ThrottleConfig,
    createLimiter: LimiterStore["createLimiter"],
    key: KeyObject,
  ) {
    const create = (name: string, limit: number, window: number) =>
      createLimiter({ name, limit, window });
    this.#key = key;
    this.#accountFailures = createLimiter({
      name: "account-failures",
      limit: config.loginFailuresPerAccount,
      window: FAILURE_WINDOW,
      delay: FAILURE_DELAY,
    });
    this.#addressLogins = create("address-logins", config.loginsPerAddress, MINUTE);
    this.#addressRequests = create("address-requests", config.requestsPerAddress, MINUTE);
    this.#addressRefreshes = create("address-refreshes", config.refreshesPerAddress, 5 * MINUTE);
    this.#sessionRefreshes = create("session-refreshes", config.refreshesPerSession, 5 * MINUTE);
  }

  /**
   * Counts the login as a failure of the account, and then runs `check`. If the login is accepted, sets the account's
   * failures back to 0.
   * @param account names an account, which may not exist
   * @param check returns whether the login is accepted
   * @returns the result of `check`
   * @throws {@link TooManyRequests} without running `check`, when a limit is reached
   */
  async login(account: string, client: Client, check: () => Promise<boolean>): Promise<boolean> {
    await this.attempt(client);
    const key = this.#hash(account);
    const checkAndForget = async () => {
      const isAccepted = await check();
      if (isAccepted) await this.#accountFailures.reset(key);
      return isAccepted;
    };
    try {
      return await this.#checks.run(key, () => this.#accountFailures.consume(key), checkAndForget);
    } catch (error) {
      throw error instanceof Blocked ? tooManyRequests(error.wait) : error;
    }
  }

  /** Sets the failures of a user back to 0, so that the next login need not wait. */
  async forgetFailures(userId: string): Promise<void> {
    await this.#accountFailures.reset(this.#hash(counterOfUser(userId)));
  }

  /**
   * Counts a login, or a request that costs as much, such as one that sends a mail or hashes a password.
   * @throws {@link TooManyRequests}
   */
  async attempt(client: Client): Promise<void> {
    await this.#consumeAddress(this.#addressRequests, client);
    await this.#consumeAddress(this.#addressLogins, client);
  }

  /**
   * Counts a request to refresh, to verify a token, or to log out.
   * @throws {@link TooManyRequests}
   */
  async request(client: Client): Promise<void> {
    await this.#consumeAddress(this.#addressRequests, client);
  }

  /**
   * Counts a refresh after its token was verified.
   * @throws {@link TooManyRequests}
   */
  async refresh(sessionId: string, client: Client): Promise<void> {
    await this.#consumeAddress(this.#addressRefreshes, client);
    await this.#consume(this.#sessionRefreshes, sessionId);
  }

  /** Clients without an address share one counter, so that they are limited, too. {@link NO_CLIENT} is not limited. */
  async #consumeAddress(limiter: Limiter, client: Client): Promise<void> {
    if (client === NO_CLIENT) return;
    const { ipAddress } = client;
    await this.#consume(limiter, ipAddress === null ? NO_ADDRESS : addressKey(ipAddress));
  }

  async #consume(limiter: Limiter, text: string): Promise<void> {
    const wait = await limiter.consume(this.#hash(text));
    if (wait > 0) throw tooManyRequests(wait);
  }

  #hash(text: string): string {
    return createHmac("sha256", this.#key).update(text).digest("base64url");
  }
}

/** Names the counter of a user's failed logins. */
export function counterOfUser(id: string): string {
  return `user ${id}`;
}

/** @param wait milliseconds until the next attempt is allowed */
function tooManyRequests(wait: number): TooManyRequests {
  return new TooManyRequests(Math.ceil(wait / 1000));
}
