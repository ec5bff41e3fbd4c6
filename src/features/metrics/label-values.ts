/** The label value that stands for all values that {@link LabelValues} does not keep. */
export const OTHER = "other";

/**
 * Limits how many values a label has, because the process keeps a time series for each value as long as it runs.
 * Without a limit, clients could add any number of values if a feature builds a value from their input.
 */
export class LabelValues {
  readonly #known: Set<string>;
  #free: number;

  /**
   * @param known values that are always kept
   * @param further how many other values are kept. They may have at most 64 letters, digits, `_`, `-` and `:`.
   */
  constructor(known: Iterable<string>, further = 0) {
    this.#known = new Set(known);
    this.#free = further;
  }

  /** Returns `value`, or {@link OTHER} if the value is not kept. */
  of(value: string): string {
    if (this.#known.has(value)) return value;
    if (this.#free === 0 || !/^[\w:-]{1,64}$/.test(value)) return OTHER;
    this.#free -= 1;
    this.#known.add(value);
    return value;
  }
}
