/** The unfinished attempts for one key. */
interface Attempts {
  /** How many checks found the credential right. */
  accepted: number;
  /** All attempts, including waiting ones. */
  readonly all: Set<Promise<unknown>>;
  readonly counting: Set<Promise<unknown>>;
  /** The running checks. These promises never reject. */
  readonly running: Set<Promise<unknown>>;
}

/** An attempt was refused, because its key is blocked and no running check has unblocked it. */
export class Blocked extends Error {
  /** Milliseconds until the next attempt is allowed. */
  readonly wait: number;

  constructor(wait: number) {
    super("The key is blocked.");
    this.wait = wait;
  }
}

/**
 * Runs checks of credentials, such as passwords. Each attempt has a key, such as an account. Too many attempts block
 * the key, and a right credential unblocks it. A new attempt on a blocked key first waits for the key's running checks,
 * because one of them may unblock the key.
 */
export class RunningChecks {
  readonly #byKey = new Map<string, Attempts>();

  /**
   * Counts an attempt, and then runs its check.
   * @param count returns 0 if the attempt was counted, otherwise the milliseconds until the next attempt is allowed
   * @param check returns whether the credential is right. Must unblock the key before it returns true.
   * @throws {@link Blocked} when the key is still blocked after its running checks. `check` is then not called.
   */
  async run(
    key: string,
    count: () => Promise<number>,
    check: () => Promise<boolean>,
  ): Promise<boolean> {
    const attempts = this.#byKey.get(key) ?? {
      accepted: 0,
      ...{ all: new Set(), counting: new Set(), running: new Set() },
    };
    this.#byKey.set(key, attempts);
    try {
      return await track(attempts.all, runWhenAllowed(attempts, count, check));
    } finally {
      if (attempts.all.size === 0) this.#byKey.delete(key);
    }
  }
}

async function runWhenAllowed(
  attempts: Attempts,
  count: () => Promise<number>,
  check: () => Promise<boolean>,
): Promise<boolean> {
  for (;;) {
    const { accepted } = attempts;
    let result: Promise<boolean> | undefined;
    // Other attempts must always find this attempt in `attempts.counting` or in `attempts.running`. When the promise
    // `counting` settles, this attempt leaves `attempts.counting`. So `startCheck` must have added the attempt to
    // `attempts.running` before.
    const counting = count().then((wait) => {
      if (wait === 0) result = startCheck(attempts, check);
      return wait;
    });
    const wait = await track(attempts.counting, counting);
    if (result !== undefined) return result;
    await Promise.allSettled(attempts.counting);
    while (attempts.running.size > 0 && attempts.accepted === accepted) {
      await Promise.race(attempts.running);
    }
    if (attempts.accepted === accepted) throw new Blocked(wait);
  }
}

function startCheck(attempts: Attempts, check: () => Promise<boolean>): Promise<boolean> {
  const result = check().then((isRight) => {
    if (isRight) attempts.accepted += 1;
    return isRight;
  });
  void track(
    attempts.running,
    result.catch(() => undefined),
  );
  return result;
}

/** Keeps a promise in a set until it settles. */
async function track<Result>(set: Set<Promise<unknown>>, work: Promise<Result>): Promise<Result> {
  const tracked = work.finally(() => set.delete(tracked));
  set.add(tracked);
  return tracked;
}
