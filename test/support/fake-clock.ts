import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runProgram } from "./programs.js";

/** Returns the environment variables that move a process's clock. @param by as `faketime -f` takes it, such as `+300s` */
export async function moveClock(by: string): Promise<Record<string, string>> {
  const { output } = await runProgram("faketime", ["-f", by, "env"]);
  const lines = output.split("\n").filter((line) => /^(LD_PRELOAD|FAKETIME\w*)=/.test(line));
  return Object.fromEntries(lines.map((line) => line.split(/=(.*)/).slice(0, 2)));
}

/** A clock for processes, which a test sets while the processes run. The monotonic clock is not changed. */
export class FakeClock {
  readonly #file: string;
  /** The environment variables of the processes. */
  readonly env: Readonly<Record<string, string>>;

  private constructor(file: string, env: Readonly<Record<string, string>>) {
    this.#file = file;
    this.env = env;
  }

  /** Starts a clock that shows the real time. @param folder a folder that the processes can read */
  static async start(folder: string): Promise<FakeClock> {
    const file = join(folder, "clock");
    const { LD_PRELOAD = "" } = await moveClock("+0");
    const clock = new FakeClock(file, {
      // Otherwise, another allocator, such as that of Redis, would ask for the time before the library can answer.
      LD_PRELOAD: `${LD_PRELOAD}:libc.so.6`,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: "1",
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
      TZ: "UTC",
    });
    await clock.step(0);
    return clock;
  }

  /** @param seconds the difference from the real time */
  async step(seconds: number): Promise<void> {
    await writeFile(this.#file, `${seconds < 0 ? "" : "+"}${seconds}`);
  }

  /** Makes the clock stand still. @param now the time, in epoch milliseconds */
  async stopAt(now: number): Promise<void> {
    const [date = "", time = ""] = new Date(now).toISOString().split(/[TZ]/);
    // The library rounds the fraction, so half a millisecond keeps it in the same millisecond.
    await writeFile(this.#file, `${date} ${time}5`);
  }
}
