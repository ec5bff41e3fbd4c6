/**
 * The promise of a check, such as `requireRole`. If a caller forgets `await`, a failed check causes a warning. With an
 * ordinary promise, a failed check would end the process. Then any user could stop the server.
 */
export class PendingCheck<T> extends Promise<T> {
  #isAwaited = false;

  /** @param name the function's name in the warning, such as `requireRole` */
  constructor(check: Promise<T>, name: string) {
    super((resolve, reject) => {
      check.then(resolve, reject);
    });
    super.then(undefined, () => {
      if (this.#isAwaited) return;
      process.emitWarning(`${name} was not awaited, so its refusal stopped nothing.`);
    });
  }

  /** The class of the promise that `then` returns: `Promise`, not `PendingCheck`. */
  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  /** `await` also calls this method. */
  override then<Result = T, Failure = never>(
    onResolved?: ((value: T) => Result | PromiseLike<Result>) | null,
    onRejected?: ((reason: unknown) => Failure | PromiseLike<Failure>) | null,
  ): Promise<Result | Failure> {
    this.#isAwaited = true;
    return super.then(onResolved, onRejected);
  }
}
