/**
 * A check whose result comes later. If it fails before it is awaited, the process prints a warning and goes on.
 * Otherwise any user whose role is too low could end the server.
 */
export class PendingCheck<T> extends Promise<T> {
  #isAwaited = false;

  constructor(check: Promise<T>) {
    super((resolve, reject) => {
      check.then(resolve, reject);
    });
    super.then(undefined, () => {
      if (this.#isAwaited) return;
      process.emitWarning("requireRole was not awaited, so its refusal stopped nothing.");
    });
  }

  /** Makes promises that are derived from this one plain promises. */
  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  /** `await` calls this method, too. */
  override then<Result = T, Failure = never>(
    onResolved?: ((value: T) => Result | PromiseLike<Result>) | null,
    onRejected?: ((reason: unknown) => Failure | PromiseLike<Failure>) | null,
  ): Promise<Result | Failure> {
    this.#isAwaited = true;
    return super.then(onResolved, onRejected);
  }
}
