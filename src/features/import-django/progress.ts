/** Milliseconds between two updates of the line. */
const INTERVAL = 200;

/** Shows how far an import is, in one line on a terminal. Prints nothing if standard error is not a terminal. */
export class Progress {
  readonly #stream: Pick<NodeJS.WriteStream, "write" | "isTTY">;
  #step = "";
  #done = 0;
  #total: number | undefined;
  #shownAt = 0;

  constructor(stream: Pick<NodeJS.WriteStream, "write" | "isTTY">) {
    this.#stream = stream;
  }

  /** @param total how many rows the step has, if that is known */
  start(step: string, total?: number): void {
    this.#step = step;
    this.#total = total;
    this.#done = 0;
    this.#shownAt = 0;
    this.add(0);
  }

  add(rows: number): void {
    this.#done += rows;
    if (!this.#stream.isTTY || performance.now() - this.#shownAt < INTERVAL) return;
    this.#shownAt = performance.now();
    const total = this.#total === undefined ? "" : ` of ${this.#total.toLocaleString("en")}`;
    this.#stream.write(`\r\x1b[K${this.#step}: ${this.#done.toLocaleString("en")}${total}`);
  }

  /** Removes the line, so that other lines can be printed. */
  clear(): void {
    if (this.#stream.isTTY) this.#stream.write("\r\x1b[K");
    this.#shownAt = 0;
  }
}
