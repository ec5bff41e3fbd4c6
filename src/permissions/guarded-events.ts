import { isAsyncIterable } from "@graphql-tools/utils";
import type { AuthContext } from "../authentication/context.js";

/**
 * Passes on the events of a subscription. After the first event that is not allowed, the subscription ends. That event
 * is passed on, too, so that the client gets an error: the guard of the field's `resolve` refuses the event.
 *
 * This is not an async generator, because the `return` of a generator waits for the next event.
 * @param events the result of the field's `subscribe` function
 * @param isAllowed called before each event is passed on
 */
export function guardEvents(events: unknown, isAllowed: () => Promise<boolean>): unknown {
  // graphql-js reports a value that is not a stream.
  if (!isAsyncIterable(events)) return events;
  const source = events[Symbol.asyncIterator]();
  let isOver = false;
  const end = async (): Promise<IteratorResult<unknown>> => {
    isOver = true;
    await source.return?.();
    return { value: undefined, done: true };
  };
  return {
    async next(): Promise<IteratorResult<unknown>> {
      if (isOver) return { value: undefined, done: true };
      const result = await source.next();
      if (result.done === true) return result;
      try {
        if (!(await isAllowed())) await end();
      } catch (error) {
        await end();
        throw error;
      }
      return result;
    },
    return: end,
    async throw(error: unknown): Promise<IteratorResult<unknown>> {
      await end();
      throw error;
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

/**
 * Returns a function that authenticates the context again. It updates the context, so that all fields of an event see
 * the current user.
 * @throws TypeError when the context has no `renew`
 */
export function renewalOf(context: Partial<AuthContext>): () => Promise<void> {
  if (context.renew === undefined) {
    throw new TypeError(
      "A guarded subscription needs the whole context of auth.createContext. Pass on its `renew`, too.",
    );
  }
  const { renew } = context;
  return async () => {
    const renewed = await renew();
    const { user, authError, client } = renewed;
    Object.assign(context, { user, authError, client, loadUser: () => renewed.loadUser() });
  };
}
