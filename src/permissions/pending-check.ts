/**
 * A check whose result comes later. If nobody awaits it and it fails, the process prints a warning and goes on. An
 * ordinary promise would end the process, so any user with too low a role could stop the server.
 */
export class PendingCheck<T> extends Promise<T> {
  #isAwaited = false;

  /** @param name the name of the function that checks, for the warning */
  constructor(check: Promise<T>, name: string) {
    super((resolve, reject) => {
      check.then(resolve, reject);
    });
    super.then(undefined, () => {
      if (this.#isAwaited) return;
      process.emitWarning(`${name} was not awaited, so its refusal stopped nothing.`);
    });
  }

  /** The class of the promises that `then` returns: plain promises. */
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
