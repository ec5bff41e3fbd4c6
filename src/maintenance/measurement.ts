/** A value that changes while the server runs, for monitoring. */
export interface Measurement {
  /** A name in snake case, such as `notes_stored`. The name of a counter ends in `_total`. */
  readonly name: string;
  /** The meaning of the value, in one sentence. */
  readonly help: string;
  /** A `counter` starts at 0 with the process, and never falls. A `gauge` can rise and fall. */
  readonly kind: "counter" | "gauge";
  /** The names of the labels, if there are several values. @default none */
  readonly labels?: readonly string[];
  /** Returns the current value, or several values with labels. Called at each scrape, so it must be fast. */
  read(this: void): number | readonly Sample[] | Promise<number | readonly Sample[]>;
}

/** One value of a {@link Measurement} that has labels. */
export interface Sample {
  /**
   * The value of each label. Must not contain text from clients, because Prometheus stores a separate time series for
   * each different value.
   */
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}
