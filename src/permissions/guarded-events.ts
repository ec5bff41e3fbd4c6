import { isAsyncIterable } from "@graphql-tools/utils";
import type { AuthContext } from "../authentication/context.js";

type Result = IteratorResult<unknown>;

const DONE: Result = { value: undefined, done: true };

/** An event without content. It is the last event for a user whom the guard refuses between two events. */
const EMPTY: Result = { value: undefined, done: false };

export interface EventChecks {
  /** Returns whether the user still passes the guard. */
  isAllowed(this: void): Promise<boolean>;
  /** Calls `onChange` when the result of `isAllowed` may have changed. Returns a function that stops the calls. */
  readonly watch: AuthContext["watch"];
}

/**
 * Passes on the events of a subscription while the user passes the guard. After that, passes on one last event, and
 * ends. Also ends if the user cannot be checked, because the database is unavailable.
 *
 * The last event is the next event of the subscription, or an empty event if the user is refused between two events.
 * The guard of the field refuses the last event, so the client gets an error.
 * @param events the result of the field's `subscribe` function
 */
export function guardEvents(events: unknown, checks: EventChecks): unknown {
  // If `events` is not a stream, graphql-js reports the error.
  return isAsyncIterable(events) ? new GuardedEvents(events, checks) : events;
}

/**
 * The stream that {@link guardEvents} returns. This is a class, because the `return` of an async generator would wait
 * for the next event.
 */
class GuardedEvents implements AsyncIterableIterator<unknown> {
  readonly #source: AsyncIterator<unknown>;
  readonly #isAllowed: EventChecks["isAllowed"];
  readonly #unwatch: () => void;
  #isOver = false;
  /** Whether {@link next} must still return {@link EMPTY}, because no reader waited when the user lost the right. */
  #hasLastEvent = false;
  /** Answers the reader that waits for the next event. */
  #answer: ((result: Result) => void) | undefined;

  constructor(events: AsyncIterable<unknown>, { isAllowed, watch }: EventChecks) {
    this.#source = events[Symbol.asyncIterator]();
    this.#isAllowed = isAllowed;
    this.#unwatch = watch(() => this.#recheck());
  }

  async next(): Promise<Result> {
    if (this.#hasLastEvent) {
      this.#hasLastEvent = false;
      return EMPTY;
    }
    if (this.#isOver) return DONE;
    return new Promise((resolve, reject) => {
      this.#answer = resolve;
      const forget = () => (this.#answer = undefined);
      this.#read().finally(forget).then(resolve, reject);
    });
  }

  async #read(): Promise<Result> {
    try {
      const result = await this.#source.next();
      if (result.done === true) this.#end();
      else if (!(await this.#isAllowed())) await this.return();
      return result;
    } catch (error) {
      await this.return();
      throw error;
    }
  }

  /** Checks the user between two events. */
  async #recheck(): Promise<void> {
    // If the check throws, which only a bug can cause, wait for the next check. Each event is checked, too.
    const isAllowed = await this.#isAllowed().catch(() => true);
    if (isAllowed || this.#isOver) return;
    if (this.#answer === undefined) this.#hasLastEvent = true;
    else this.#answer(EMPTY);
    // Do not await this: if the source waits for its next event, it may return only after that event.
    void this.return().catch(() => undefined);
  }

  #end(): void {
    this.#isOver = true;
    this.#unwatch();
  }

  async return(): Promise<Result> {
    this.#end();
    await this.#source.return?.();
    return DONE;
  }

  async throw(error: unknown): Promise<Result> {
    await this.return();
    throw error;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

/**
 * Returns the checks of a subscription. They authenticate again and update the context, so that all fields of an event
 * see the current user.
 * @param isAllowed returns whether the user of the context passes the guard
 * @throws TypeError when the context has no `renew` or no `watch`
 */
export function checksOf(
  context: Partial<AuthContext>,
  isAllowed: () => Promise<boolean>,
): EventChecks {
  const { renew, watch } = context;
  if (renew === undefined || watch === undefined) {
    throw new TypeError(
      "A guarded subscription needs the whole context of auth.createContext. Pass on its `renew` and `watch`, too.",
    );
  }
  return {
    isAllowed: async () => {
      const renewed = await renew();
      const { user, authError, client } = renewed;
      Object.assign(context, { user, authError, client, loadUser: () => renewed.loadUser() });
      return isAllowed();
    },
    watch,
  };
}
