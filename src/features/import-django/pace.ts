import { setTimeout as sleep } from "node:timers/promises";

/** How long a transaction should take, in milliseconds. */
const TRANSACTION = 1000;

/**
 * The longest pause after a transaction, in milliseconds. A server that waits for SQLite's lock tries again every 100
 * ms, so it gets the lock in a pause.
 */
const PAUSE = 120;

/** The smallest and the largest number of rows in a transaction. */
const LEAST = 50;
const MOST = 5000;

/** Keeps the transactions of an import short, and pauses between them, so that a running server can write. */
export class Pace {
  #size = 1000;
  #freeFrom = 0;

  /** Yields the rows in parts, one for each transaction. */
  *partsOf<Row>(rows: readonly Row[]): Generator<readonly Row[]> {
    for (let start = 0; start < rows.length;) {
      const left = rows.length - start;
      const end = start + Math.ceil(left / Math.ceil(left / this.#size));
      yield rows.slice(start, end);
      start = end;
    }
  }

  /**
   * Pauses, then runs a transaction. The pause begins at the end of the last transaction. It is as long as that
   * transaction, but not longer than {@link PAUSE}.
   * @param rows how many rows the transaction writes. A fast transaction makes the next part larger, a slow one smaller
   */
  async run(rows: number, transaction: () => Promise<void>): Promise<void> {
    const pause = this.#freeFrom - performance.now();
    if (pause > 0) await sleep(pause);
    const begin = performance.now();
    await transaction();
    const end = performance.now();
    const time = end - begin;
    this.#freeFrom = end + Math.min(time, PAUSE);
    const size = Math.min(Math.round((rows * TRANSACTION) / time), 2 * this.#size, MOST);
    this.#size = Math.max(size, LEAST);
  }
}
