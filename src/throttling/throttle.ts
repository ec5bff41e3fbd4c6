import { createHmac, type KeyObject } from "node:crypto";
import type { AuthConfig } from "../config/auth-config.js";
import { TooManyRequests } from "../errors.js";
import { type Client, NO_CLIENT } from "../events.js";
import type { Limiter, LimiterStore } from "./limiter.js";
import { networksOf, SITE_LIMIT } from "./networks.js";
import { Blocked, RunningChecks } from "./running-checks.js";

const MINUTE = 60;

/**
 * Seconds after which the failures of an account are forgotten. The time starts at the last failure, or at the end of
 * the delay that the last failure caused.
 */
const FAILURE_WINDOW = 15 * MINUTE;
/** The delay after too many failed logins, in seconds. It doubles from `first` up to `max`. */
const FAILURE_DELAY = { first: 1, max: 15 * MINUTE };

/** The key of all clients without an address. */
const NO_ADDRESS = "no address";

type ThrottleConfig = Pick<
  AuthConfig,
  | "loginFailuresPerAccount"
  | "loginsPerAddress"
  | "requestsPerAddress"
  | "refreshesPerAddress"
  | "refreshesPerSession"
>;

/** A limit for an IPv4 address or a /64 network, and a looser one for a /48 network. */
interface AddressLimit {
  readonly address: Limiter;
  readonly site: Limiter;
}

/** The rate limits. A login is counted before its password or second factor is checked. */
export class Throttle {
  readonly #key: KeyObject;
  readonly #accountFailures: Limiter;
  readonly #addressLogins: AddressLimit;
  readonly #addressRequests: AddressLimit;
  readonly #addressRefreshes: AddressLimit;
  readonly #sessionRefreshes: Limiter;
  readonly #checks = new RunningChecks();

  /** @param key hashes users and addresses, so that the store does not reveal who tried to log in */
  constructor(
    config: ThrottleConfig,
    createLimiter: LimiterStore["createLimiter"],
    key: KeyObject,
  ) {
    const perAddress = (name: string, limit: number, window: number): AddressLimit => ({
      address: createLimiter({ name: `address-${name}`, limit, window }),
      site: createLimiter({ name: `site-${name}`, limit: limit * SITE_LIMIT, window }),
    });
    this.#key = key;
    this.#accountFailures = createLimiter({
      name: "account-failures",
      limit: config.loginFailuresPerAccount,
      window: FAILURE_WINDOW,
      delay: FAILURE_DELAY,
    });
    this.#addressLogins = perAddress("logins", config.loginsPerAddress, MINUTE);
    this.#addressRequests = perAddress("requests", config.requestsPerAddress, MINUTE);
    this.#addressRefreshes = perAddress("refreshes", config.refreshesPerAddress, 5 * MINUTE);
    this.#sessionRefreshes = createLimiter({
      name: "session-refreshes",
      limit: config.refreshesPerSession,
      window: 5 * MINUTE,
    });
  }

  /**
   * Counts the login for the address. Also counts a failure of the account in advance. Then runs `check`. If the login
   * is accepted, resets the account's failures to 0.
   * @param account the name of the account's counter. The account need not exist.
   * @param check returns whether the login is accepted
   * @returns the result of `check`
   * @throws {@link TooManyRequests} when a limit is reached. `check` is then not called.
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

  /**
   * Resets the failures of a user to 0, so that the next login need not wait.
   * @param isComplete whether to reset the failures of the second factor, too
   */
  async forgetFailures(userId: string, isComplete: boolean): Promise<void> {
    await this.#accountFailures.reset(this.#hash(counterOfUser(userId)));
    if (isComplete) await this.#accountFailures.reset(this.#hash(counterOfSecondFactor(userId)));
  }

  /**
   * Counts a login, or a request that is as expensive as a login because it sends a mail or hashes a password.
   * @throws {@link TooManyRequests}
   */
  async attempt(client: Client): Promise<void> {
    await this.#consumeAddress(this.#addressRequests, client);
    await this.#consumeAddress(this.#addressLogins, client);
  }

  /**
   * Counts a request that has a credential but is not a login, such as a refresh, a logout or a check of a token.
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

  /** Counts an attempt of the client's address. Does not limit {@link NO_CLIENT}. */
  async #consumeAddress(limit: AddressLimit, client: Client): Promise<void> {
    if (client === NO_CLIENT) return;
    const { ipAddress } = client;
    const [address, site] = ipAddress === null ? [NO_ADDRESS] : networksOf(ipAddress);
    await this.#consume(limit.address, address);
    if (site !== undefined) await this.#consume(limit.site, site);
  }

  async #consume(limiter: Limiter, text: string): Promise<void> {
    const wait = await limiter.consume(this.#hash(text));
    if (wait > 0) throw tooManyRequests(wait);
  }

  #hash(text: string): string {
    return createHmac("sha256", this.#key).update(text).digest("base64url");
  }
}

/** Returns the name of the counter of a user's failed logins. */
export function counterOfUser(id: string): string {
  return `user ${id}`;
}

/** Returns the name of the counter of a user's wrong second factors. */
export function counterOfSecondFactor(id: string): string {
  return `second factor of ${id}`;
}

/** @param wait milliseconds until the next attempt is allowed */
function tooManyRequests(wait: number): TooManyRequests {
  return new TooManyRequests(Math.ceil(wait / 1000));
}
