/**
 * The promise of a check, such as `requireRole`. If a caller forgets `await`, a refusal causes only a warning. With an
 * ordinary promise, the refusal would end the process, so any user could stop the server.
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

  /** Makes `then` return an ordinary `Promise`. */
  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  /** Remembers that the check was awaited. `await` calls this method, too. */
  override then<Result = T, Failure = never>(
    onResolved?: ((value: T) => Result | PromiseLike<Result>) | null,
    onRejected?: ((reason: unknown) => Failure | PromiseLike<Failure>) | null,
  ): Promise<Result | Failure> {
    this.#isAwaited = true;
    return super.then(onResolved, onRejected);
  }
}
