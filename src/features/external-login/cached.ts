/** How long a loaded value is used before it is loaded again, in milliseconds. */
const LIFETIME = 3_600_000;
/** How long to wait after a failure before the value is loaded again, in milliseconds. */
const COOLDOWN = 10_000;

/**
 * A value from another server. It is loaded on first use, and reloaded after an hour. If a reload fails, the old value
 * stays in use. After a failure, the next attempt follows 10 seconds later at the earliest.
 */
export class Cached<Value> {
  readonly #load: () => Promise<Value>;
  readonly #now: () => number;
  #value: Value | undefined;
  /** When to load the value again, in epoch milliseconds. */
  #dueAt = -Infinity;
  #error: unknown;
  #loading: Promise<void> | undefined;

  /** @param now returns the current time in epoch milliseconds */
  constructor(load: () => Promise<Value>, now: () => number) {
    this.#load = load;
    this.#now = now;
  }

  /** @throws the error of the last attempt if no value was ever loaded */
  async get(): Promise<Value> {
    if (this.#now() >= this.#dueAt) {
      this.#loading ??= this.#reload();
      await this.#loading;
    }
    if (this.#value === undefined) throw this.#error;
    return this.#value;
  }

  async #reload(): Promise<void> {
    try {
      this.#value = await this.#load();
      this.#dueAt = this.#now() + LIFETIME;
    } catch (error) {
      this.#error = error;
      this.#dueAt = this.#now() + COOLDOWN;
    } finally {
      this.#loading = undefined;
    }
  }
}
