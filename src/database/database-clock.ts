/** How often to read the database's clock, in milliseconds. */
const INTERVAL = 15_000;

/**
 * How long a reading of the database's clock may take, in milliseconds. A reading can be wrong by half of the time that
 * it takes. So a slower reading is discarded, unless it is the first.
 */
const SLOW = 500;

/** How far this machine's clock may jump, in milliseconds. After a larger jump, the database's clock is read again. */
const JUMP = 1000;

export interface Clock {
  /** Returns the time in epoch milliseconds. */
  readonly now: () => number;
  close(): Promise<void>;
}

export interface DatabaseClockOptions {
  /** The accepted difference between this machine's clock and the database's, in seconds. */
  readonly leeway: number;
  /** Called once, if the difference exceeds `leeway`. */
  readonly onWarning: (warning: Error) => void;
}

/**
 * The clock of the database's server. All instances use it, so they agree on the time. Between two readings, this
 * machine's monotonic clock measures the time, because nobody can set that clock.
 */
export class DatabaseClock implements Clock {
  readonly #readTime: () => Promise<number>;
  readonly #options: DatabaseClockOptions;
  /** The database's time when `performance.now()` was 0, in epoch milliseconds. */
  #origin = 0;
  /**
   * This machine's time when `performance.now()` was 0, in epoch milliseconds. If a later calculation gives a very
   * different value, the machine was suspended or its clock was set.
   */
  #ownOrigin = 0;
  #hasRead = false;
  #hasWarned = false;
  readonly #timer: NodeJS.Timeout;

  private constructor(readTime: () => Promise<number>, options: DatabaseClockOptions) {
    this.#readTime = readTime;
    this.#options = options;
    this.#timer = setInterval(() => {
      this.#readAgain();
    }, INTERVAL).unref();
  }

  /** @param readTime returns the time of the database's server, in epoch milliseconds */
  static async start(
    readTime: () => Promise<number>,
    options: DatabaseClockOptions,
  ): Promise<DatabaseClock> {
    const clock = new DatabaseClock(readTime, options);
    try {
      await clock.#read();
      return clock;
    } catch (error) {
      await clock.close();
      throw error;
    }
  }

  readonly now = (): number => {
    const elapsed = performance.now();
    const ownOrigin = Date.now() - elapsed;
    if (Math.abs(ownOrigin - this.#ownOrigin) > JUMP) {
      this.#ownOrigin = ownOrigin;
      this.#readAgain();
    }
    return Math.floor(this.#origin + elapsed);
  };

  close(): Promise<void> {
    clearInterval(this.#timer);
    return Promise.resolve();
  }

  /** Reads the database's clock. If the reading fails, this clock continues as before. */
  #readAgain(): void {
    this.#read().catch(() => undefined);
  }

  async #read(): Promise<void> {
    const begin = performance.now();
    const time = await this.#readTime();
    const end = performance.now();
    if (this.#hasRead && end - begin > SLOW) return;
    this.#hasRead = true;
    this.#ownOrigin = Date.now() - end;
    this.#origin = time - (begin + end) / 2;
    this.#warn(Date.now() - this.now());
  }

  /** @param ahead by how many milliseconds this machine's clock is ahead of the database's; negative if it is behind */
  #warn(ahead: number): void {
    const { leeway, onWarning } = this.#options;
    if (this.#hasWarned || Math.abs(ahead) <= leeway * 1000) return;
    this.#hasWarned = true;
    const seconds = Math.round(Math.abs(ahead) / 1000);
    onWarning(
      new Error(
        `This machine's clock is ${seconds} seconds ${ahead > 0 ? "ahead of" : "behind"} the database's. Gatehouse uses the database's. Synchronize both, for example by NTP.`,
      ),
    );
  }
}
