// `import *` works with every version of Apollo Client. A named import would fail in older versions before the error
// below could name the version. This file does not import rxjs, because older versions do not install it.
import * as apollo from "@apollo/client";
import type { AuthClient } from "./auth-client.js";

const { version = "an older version" } = apollo as Partial<typeof apollo>;
if (!(parseInt(version) >= 4)) {
  throw new Error(
    `graphql-gatehouse/apollo needs Apollo Client 4 or newer, but found ${version}. Install @apollo/client@4 and rxjs.`,
  );
}

type Handle = (result: apollo.ApolloLink.Result) => void | Promise<void>;

/**
 * Creates an Apollo Link. While a user is signed in, the link adds a fresh `Authorization` header to each operation
 * without one. If the server refuses the header, the link renews it and retries once. Put this link before the link
 * that sends the request, such as `HttpLink`. That link decides which server gets the token.
 *
 * When the user changes, this link calls `resetStore()` of the Apollo Client. Otherwise the next user would see cached
 * data of the previous user. Running operations of the previous user fail.
 */
export function createAuthLink(auth: AuthClient): apollo.ApolloLink {
  const { getAuthorization, recover } = auth;
  const enter = createReset(auth);
  /**
   * The operations whose header this link has set. If a `RetryLink` sends such an operation again, this link replaces
   * the header.
   */
  const signed = new WeakSet<apollo.ApolloLink.Operation>();

  return new apollo.ApolloLink((operation, forward) => {
    const { isAuthorized, others } = readHeaders(operation);
    if (isAuthorized && !signed.has(operation)) return forward(operation);
    signed.add(operation);

    return new apollo.Observable((observer) => {
      let isCancelled = false;
      const subscriptions: { unsubscribe(): void }[] = [];
      /** Resolves when all results have been handled. */
      const send = (authorization: string | null, handle: Handle) =>
        new Promise<void>((resolve, reject) => {
          if (isCancelled) return;
          operation.setContext({ headers: { ...others, ...(authorization && { authorization }) } });
          const handled: Promise<void>[] = [];
          const subscription = forward(operation).subscribe({
            next: (result) => {
              const done = new Promise<void>((finish) => {
                finish(handle(result));
              });
              handled.push(done.catch(reject));
            },
            error: reject,
            complete: () =>
              void Promise.all(handled).then(() => {
                resolve();
              }),
          });
          subscriptions.push(subscription);
        });
      const run = async () => {
        const authorization = await getAuthorization();
        const user = enter(operation.client);
        const deliver = (result: apollo.ApolloLink.Result) => {
          if (result.data && user !== null && user !== readUser(auth)) {
            throw new Error("The user has changed since the operation was sent.");
          }
          observer.next(result);
        };
        await send(authorization, async (result) => {
          const renewed = result.errors && (await recover(authorization, result.errors));
          if (renewed) await send(renewed, deliver);
          else deliver(result);
        });
      };
      run().then(
        () => {
          observer.complete();
        },
        (error: unknown) => {
          observer.error(error);
        },
      );
      return () => {
        isCancelled = true;
        for (const subscription of subscriptions) subscription.unsubscribe();
      };
    });
  });
}

/**
 * Clears the caches of Apollo Clients when the user changes. Call the returned function with each Apollo Client. That
 * function returns the id of the current user, or null if no user is signed in.
 */
function createReset(
  auth: AuthClient,
): (client: apollo.ApolloLink.Operation["client"]) => string | null {
  const clients = new Set<apollo.ApolloLink.Operation["client"]>();
  /** The id of the user whose data is cached. Null if no user is signed in; undefined before the first operation. */
  let user: string | null | undefined;

  function reset(): void {
    for (const client of clients) {
      client.resetStore().catch(() => {
        // Ignored: `resetStore` sends the active queries again, and each query reports its own error.
      });
    }
  }

  function onChange(): void {
    const next = readUser(auth);
    if (next === user) return;
    user = next;
    // If no user is signed in any more, reset a moment later. An immediate reset would hide the error of the refused
    // operation.
    if (next) reset();
    else setTimeout(reset);
  }

  return (client) => {
    if (user === undefined) {
      user = readUser(auth);
      auth.subscribe(onChange);
    }
    clients.add(client);
    return readUser(auth);
  };
}

function readUser(auth: AuthClient): string | null {
  return auth.getSession().user?.id ?? null;
}

function readHeaders(operation: apollo.ApolloLink.Operation) {
  const { headers = {} } = operation.getContext() as { headers?: object };
  const isOwn = ([name]: [string, unknown]) => name.toLowerCase() === "authorization";
  const entries = Object.entries(headers) as [string, unknown][];
  const others = Object.fromEntries(entries.filter((entry) => !isOwn(entry)));
  return { isAuthorized: entries.some(isOwn), others };
}
