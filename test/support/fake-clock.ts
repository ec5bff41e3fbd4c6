import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runProgram } from "./programs.js";

/** Returns the environment variables that move a process's clock. @param by as `faketime -f` takes it, such as `+300s` */
export async function moveClock(by: string): Promise<Record<string, string>> {
  const { output } = await runProgram("faketime", ["-f", by, "env"]);
  const lines = output.split("\n").filter((line) => /^(LD_PRELOAD|FAKETIME\w*)=/.test(line));
  return Object.fromEntries(lines.map((line) => line.split(/=(.*)/).slice(0, 2)));
}

/** A clock for processes, which stands still until a test moves it. The monotonic clock is not changed. */
export class StoppedClock {
  readonly #file: string;
  /** The environment variables of the processes. */
  readonly env: Readonly<Record<string, string>>;

  private constructor(file: string, env: Readonly<Record<string, string>>) {
    this.#file = file;
    this.env = env;
  }

  /** @param folder a folder that the processes can read */
  static async start(folder: string): Promise<StoppedClock> {
    const file = join(folder, "clock");
    const { LD_PRELOAD = "" } = await moveClock("+0");
    const clock = new StoppedClock(file, {
      // Otherwise, another allocator, such as that of Redis, would ask for the time before the library can answer.
      LD_PRELOAD: `${LD_PRELOAD}:libc.so.6`,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: "1",
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
      TZ: "UTC",
    });
    await clock.set(Date.now());
    return clock;
  }

  /** @param now the time, in epoch milliseconds */
  async set(now: number): Promise<void> {
    const [date = "", time = ""] = new Date(now).toISOString().split(/[TZ]/);
    // The library rounds the fraction, so half a millisecond keeps it in the same millisecond.
    await writeFile(this.#file, `${date} ${time}5`);
  }
}

/** A clock for processes, which tests step while the processes run. The monotonic clock is not changed. */
export class SteppedClock {
  readonly #file: string;
  /** The environment variables of the processes. */
  readonly env: Readonly<Record<string, string>>;

  private constructor(file: string, env: Readonly<Record<string, string>>) {
    this.#file = file;
    this.env = env;
  }

  /** @param folder a folder that the processes can read */
  static async start(folder: string): Promise<SteppedClock> {
    const file = join(folder, "clock");
    const { LD_PRELOAD = "" } = await moveClock("+0");
    const clock = new SteppedClock(file, {
      LD_PRELOAD,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_CACHE_DURATION: "1",
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
    });
    await clock.set(0);
    return clock;
  }

  /** @param seconds the difference from the real time */
  async set(seconds: number): Promise<void> {
    await writeFile(this.#file, `${seconds < 0 ? "" : "+"}${seconds}`);
  }
}
