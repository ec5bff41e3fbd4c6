import { ApolloLink } from "@apollo/client/link";
import { from, map, mergeMap, of } from "rxjs";
import type { AuthClient } from "./auth-client.js";

/**
 * Creates an Apollo Link that sends operations with a fresh `Authorization` header, and once more with a renewed one if
 * the server refuses it. It does not change an operation whose context already has that header. Put it before the
 * terminating link, whose server gets the token.
 *
 * When the user changes, the link calls `resetStore()` of its Apollo Client, so that no user sees what was cached for
 * another. An operation of the previous user that is still in flight fails.
 */
export function createAuthLink(auth: AuthClient): ApolloLink {
  const { getAuthorization, recover } = auth;
  const enter = createReset(auth);
  /** The operations whose header is ours. A link before this one may send an operation again. */
  const signed = new WeakSet<ApolloLink.Operation>();

  return new ApolloLink((operation, forward) => {
    const { isAuthorized, others } = readHeaders(operation);
    if (isAuthorized && !signed.has(operation)) return forward(operation);
    signed.add(operation);

    const send = (authorization: string | null) => {
      operation.setContext({ headers: { ...others, ...(authorization && { authorization }) } });
      return forward(operation);
    };
    return from(getAuthorization()).pipe(
      mergeMap((authorization) => {
        const user = enter(operation.client);
        return send(authorization).pipe(
          mergeMap((result) =>
            result.errors
              ? from(recover(authorization, result.errors)).pipe(
                  mergeMap((next) => (next ? send(next) : of(result))),
                )
              : of(result),
          ),
          map((result) => {
            if (result.data && user !== null && user !== readUser(auth))
              throw new Error("The user has changed since the operation was sent.");
            return result;
          }),
        );
      }),
    );
  });
}

/** Returns a function that has a client reset when the user changes, and returns the id of the present user. */
function createReset(auth: AuthClient): (client: ApolloLink.Operation["client"]) => string | null {
  const clients = new Set<ApolloLink.Operation["client"]>();
  /** The user of the cached data. Undefined before the first operation. */
  let user: string | null | undefined;

  function reset(): void {
    for (const client of clients) {
      client.resetStore().catch(() => {
        // The queries that it repeats report their errors themselves.
      });
    }
  }

  function onChange(): void {
    const next = readUser(auth);
    if (next === user) return;
    user = next;
    // At the end of a session, an operation that the server refused gets its own error first.
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

/** Returns the headers in the context of an operation. Their names are compared without case. */
function readHeaders(operation: ApolloLink.Operation) {
  const { headers = {} } = operation.getContext() as { headers?: object };
  const isOwn = ([name]: [string, unknown]) => name.toLowerCase() === "authorization";
  const entries = Object.entries(headers) as [string, unknown][];
  const others = Object.fromEntries(entries.filter((entry) => !isOwn(entry)));
  return { isAuthorized: entries.some(isOwn), others };
}
