import type { AuthEvent, Client } from "../../events.js";
import { addressKey } from "../../throttling/address-key.js";

/** The events that change nothing. Anyone can cause any number of them. */
const REFUSALS: readonly AuthEvent["type"][] = [
  "login_failed",
  "token_expired",
  "role_denied",
  "freshness_denied",
];

/** In milliseconds. */
const WINDOW = 60_000;
/** How many refusals of one IP address are stored in one window. A /64 of IPv6 counts as one address. */
const LIMIT_PER_ADDRESS = 10;
/** How many refusals of all addresses together are stored in one window. */
const LIMIT = 100;

/** Limits how many refusals are stored. Otherwise, a storm of failed logins could fill the disk. */
export class RefusalBudget {
  #window = -1;
  #allowed = 0;
  #perAddress = new Map<string, number>();

  /**
   * Returns whether to store the event, and counts it if so. Every event that is not a refusal is stored.
   * @param now epoch milliseconds
   */
  allows({ type }: AuthEvent, { ipAddress }: Client, now: number): boolean {
    if (!REFUSALS.includes(type)) return true;
    const window = Math.floor(now / WINDOW);
    if (window !== this.#window) {
      this.#window = window;
      this.#allowed = 0;
      this.#perAddress = new Map();
    }
    // An operation of a script has no address. Only the overall limit applies to it.
    const key = ipAddress === null ? null : addressKey(ipAddress);
    const ofAddress = key === null ? 0 : (this.#perAddress.get(key) ?? 0);
    if (ofAddress >= LIMIT_PER_ADDRESS || this.#allowed >= LIMIT) return false;
    this.#allowed += 1;
    if (key !== null) this.#perAddress.set(key, ofAddress + 1);
    return true;
  }
}
