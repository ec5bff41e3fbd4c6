/** The shortest time between two updates of the progress line during a step, in milliseconds. */
const INTERVAL = 200;

/** Shows the progress of a command, in one line on a terminal. Prints nothing if standard error is not a terminal. */
export class Progress {
  readonly #stream: Pick<NodeJS.WriteStream, "write" | "isTTY">;
  #step = "";
  #done = 0;
  #total: number | undefined;
  /** The count that was shown last. */
  #shown = 0;
  /** When the last count was shown, by `performance.now()`. 0 if the line was removed since then. */
  #shownAt = 0;

  constructor(stream: Pick<NodeJS.WriteStream, "write" | "isTTY">) {
    this.#stream = stream;
  }

  /**
   * Begins a step, after showing the last count of the previous step.
   * @param total how many rows the step has, if that is known
   */
  start(step: string, total?: number): void {
    if (this.#shown !== this.#done) this.#show();
    this.#step = step;
    this.#total = total;
    this.#done = 0;
    this.#show();
  }

  add(rows: number): void {
    this.#done += rows;
    if (performance.now() - this.#shownAt >= INTERVAL) this.#show();
  }

  /** Removes the progress line, so that other lines can be printed. */
  clear(): void {
    if (this.#stream.isTTY) this.#stream.write("\r\x1b[K");
    this.#shown = this.#done;
    this.#shownAt = 0;
  }

  #show(): void {
    if (!this.#stream.isTTY) return;
    this.#shown = this.#done;
    this.#shownAt = performance.now();
    const total = this.#total === undefined ? "" : ` of ${this.#total.toLocaleString("en")}`;
    this.#stream.write(`\r\x1b[K${this.#step}: ${this.#done.toLocaleString("en")}${total}`);
  }
}
