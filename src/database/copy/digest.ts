import { createHash } from "node:crypto";

/** A value of a column as text. */
export type Value = string | null;

const MODULUS = 2n ** 64n;

/**
 * Counts rows, and computes a digest of all of them. The order of the rows does not matter, because the source and the
 * target of a copy may sort differently.
 */
export class Digest {
  #rows: number;
  #sum: bigint;

  /**
   * @param rows the number of rows to continue from
   * @param text the {@link Digest.text} of these rows
   */
  constructor(rows = 0, text = "0") {
    this.#rows = rows;
    this.#sum = BigInt(`0x${text}`);
  }

  add(row: readonly Value[]): void {
    const hash = createHash("sha256").update(JSON.stringify(row)).digest();
    this.#sum = (this.#sum + hash.readBigUInt64BE()) % MODULUS;
    this.#rows += 1;
  }

  get rows(): number {
    return this.#rows;
  }

  get text(): string {
    return this.#sum.toString(16);
  }

  equals(other: Digest): boolean {
    return this.#rows === other.#rows && this.#sum === other.#sum;
  }
}
