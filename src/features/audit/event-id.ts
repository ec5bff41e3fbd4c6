import { randomBytes } from "node:crypto";

/** The largest instant that fits the 12 hexadecimal digits at the start of an id. */
const MAX_INSTANT = 2 ** 48 - 1;
/** The largest number that fits the next 4 digits of an id. */
const MAX_SEQUENCE = 0xffff;

/**
 * Creates ids that sort by time. An id has 32 hexadecimal digits. They contain the epoch milliseconds, a number that
 * orders the events of one millisecond, and 64 random bits.
 */
export class EventIds {
  #at = -1;
  #sequence = 0;

  next(at: number): string {
    this.#sequence = at === this.#at ? Math.min(this.#sequence + 1, MAX_SEQUENCE) : 0;
    this.#at = at;
    const sequence = this.#sequence.toString(16).padStart(4, "0");
    return `${firstIdAt(at)}${sequence}${randomBytes(8).toString("hex")}`;
  }
}

/** Returns a text to compare ids with. The ids of events before `at` sort before it, all other ids sort after it. */
export function firstIdAt(at: number): string {
  return Math.min(Math.max(at, 0), MAX_INSTANT).toString(16).padStart(12, "0");
}
