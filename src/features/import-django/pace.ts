import { setTimeout as sleep } from "node:timers/promises";

/** How long a transaction should take, in milliseconds. */
const TRANSACTION = 1000;

/**
 * The longest pause after a transaction, in milliseconds. It is longer than 100 ms, because a waiting server tries to
 * get SQLite's lock every 100 ms.
 */
const PAUSE = 120;

/** The smallest and the largest number of rows to aim for in a transaction. The last rows may be fewer. */
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
   * Runs a transaction after a pause. The pause is as long as the last transaction took, but at most {@link PAUSE}. The
   * pause begins at the end of that transaction.
   * @param rows how many rows the transaction writes. A fast transaction makes the next part of
   * {@link Pace.partsOf} larger, and a slow transaction makes it smaller
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
