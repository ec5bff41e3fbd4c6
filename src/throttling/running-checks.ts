import { Mutex } from "async-mutex";

/** The checks of one key. */
interface Checks {
  /** Held while an attempt waits for its turn, so that the attempts of a key take turns. */
  readonly turn: Mutex;
  readonly running: Set<Promise<unknown>>;
  /** The attempts that wait, and the checks that run. */
  attempts: number;
}

/**
 * Runs checks of credentials, several of one key at a time. An attempt that finds its key blocked waits for the checks that
 * are running in this process, because a right credential unblocks the key. Once none is running, it is refused.
 */
export class RunningChecks {
  readonly #byKey = new Map<string, Checks>();

  /**
   * Counts an attempt, and then runs its check.
   * @param count counts the attempt, and returns the milliseconds until one is allowed; 0 if this one was counted
   * @param refuse throws the refusal; gets these milliseconds
   */
  async run<Result>(
    key: string,
    count: () => Promise<number>,
    refuse: (wait: number) => never,
    check: () => Promise<Result>,
  ): Promise<Result> {
    const checks = this.#byKey.get(key) ?? { turn: new Mutex(), running: new Set(), attempts: 0 };
    this.#byKey.set(key, checks);
    checks.attempts += 1;
    try {
      return await (
        await checks.turn.runExclusive(() => start(checks.running, count, refuse, check))
      ).result;
    } finally {
      checks.attempts -= 1;
      if (checks.attempts === 0) this.#byKey.delete(key);
    }
  }
}

/** Starts a check as soon as its attempt is counted. The result is wrapped, so that the next attempt need not wait for it. */
async function start<Result>(
  running: Set<Promise<unknown>>,
  count: () => Promise<number>,
  refuse: (wait: number) => never,
  check: () => Promise<Result>,
): Promise<{ result: Promise<Result> }> {
  for (;;) {
    const wait = await count();
    if (wait === 0) break;
    if (running.size === 0) refuse(wait);
    await Promise.race(running);
  }
  const result = check();
  const settled = result.then(
    () => undefined,
    () => undefined,
  );
  running.add(settled);
  void settled.then(() => running.delete(settled));
  return { result };
}
