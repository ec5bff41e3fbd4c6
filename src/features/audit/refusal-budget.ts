import type { AuthEvent, Client } from "../../events.js";
import { networksOf } from "../../throttling/networks.js";

/** The core's events of refused requests. Anyone can cause any number of them. */
const REFUSALS: readonly AuthEvent["type"][] = [
  "login_failed",
  "token_expired",
  "role_denied",
  "freshness_denied",
  "second_factor_denied",
];

/** A feature's event of a refused request has a type with this ending. */
const OF_FEATURE = ":refused";

/** How long refusals are counted before the count starts again at 0, in milliseconds. */
const WINDOW = 60_000;
/** The most refusals of one IP address that are stored in a minute. A /64 network of IPv6 counts as one address. */
const LIMIT_PER_ADDRESS = 10;
/** The most refusals of all addresses together that are stored in a minute. */
const LIMIT = 100;

/** Limits how many refusals are stored. Otherwise, an attacker could fill the disk with failed logins. */
export class RefusalBudget {
  #window = -1;
  #allowed = 0;
  #perAddress = new Map<string, number>();

  /**
   * Returns whether to store the event. Counts the stored refusals. An event that is not a refusal is always stored.
   * @param now epoch milliseconds
   */
  allows({ type }: AuthEvent, { ipAddress }: Client, now: number): boolean {
    if (!REFUSALS.includes(type) && !type.endsWith(OF_FEATURE)) return true;
    const window = Math.floor(now / WINDOW);
    if (window !== this.#window) {
      this.#window = window;
      this.#allowed = 0;
      this.#perAddress = new Map();
    }
    // A script has no address, so only the limit for all addresses applies to it.
    const key = ipAddress === null ? null : networksOf(ipAddress)[0];
    const ofAddress = key === null ? 0 : (this.#perAddress.get(key) ?? 0);
    if (ofAddress >= LIMIT_PER_ADDRESS || this.#allowed >= LIMIT) return false;
    this.#allowed += 1;
    if (key !== null) this.#perAddress.set(key, ofAddress + 1);
    return true;
  }
}
