import type { AuthEvent, Client } from "../../events.js";
import { networksOf } from "../../throttling/networks.js";

/** The core's events of refused requests. A client can cause any number of them. */
const REFUSALS: readonly AuthEvent["type"][] = [
  "login_failed",
  "token_expired",
  "role_denied",
  "freshness_denied",
  "second_factor_denied",
];

/** The ending that a feature gives to the type of an event of a refused request. */
const OF_FEATURE = ":refused";

/** How long refusals are counted before the count starts again at 0, in milliseconds. */
const WINDOW = 60_000;
/** How many refusals of one IP address are stored in a minute at most. A /64 network of IPv6 is one address. */
const LIMIT_PER_ADDRESS = 10;
/** How many refusals of all addresses together are stored in a minute at most. */
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
    // Without an address, as in a script, only the limit for all addresses applies.
    const key = ipAddress === null ? null : networksOf(ipAddress)[0];
    const ofAddress = key === null ? 0 : (this.#perAddress.get(key) ?? 0);
    if (ofAddress >= LIMIT_PER_ADDRESS || this.#allowed >= LIMIT) return false;
    this.#allowed += 1;
    if (key !== null) this.#perAddress.set(key, ofAddress + 1);
    return true;
  }
}
