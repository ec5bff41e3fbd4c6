import { isAsyncIterable } from "@graphql-tools/utils";
import type { AuthContext } from "../authentication/context.js";

/**
 * Returns a guarded copy of a subscription's event stream. The copy ends after the first event that is not allowed.
 * That event is passed on, too, because the field's own guard replaces it with the refusal.
 *
 * The result is not an async generator. The `return` of a generator waits for the pending `next`, so the subscription
 * would stay open until its next event.
 * @param events what the field's `subscribe` function returned
 * @param isAllowed called for each event, before the event is passed on
 */
export function guardEvents(events: unknown, isAllowed: () => Promise<boolean>): unknown {
  // graphql-js itself refuses a value that is not a stream.
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
 * Returns a function that checks the context's credential again, as for a new request. The function updates the
 * context, so that all fields of an event see the current user.
 * @throws TypeError when the context has no `renew`. Every context of `createContext` has one
 */
export function renewalOf(context: Partial<AuthContext> | undefined): () => Promise<void> {
  if (context?.renew === undefined) {
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
