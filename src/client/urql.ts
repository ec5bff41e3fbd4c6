import type { CombinedError, Operation, OperationContext } from "@urql/core";
import { authExchange, type AuthConfig, type AuthUtilities } from "@urql/exchange-auth";
import type { AuthClient } from "./auth-client.js";
import { findRefusal } from "./failure.js";

try {
  // In version 1, `authExchange` reads its argument immediately, so this call throws. Newer versions read the argument
  // only when a client is created.
  authExchange(undefined as never);
} catch (cause) {
  throw new Error(
    "graphql-gatehouse/urql needs @urql/exchange-auth 2 or newer, but found version 1. Install @urql/exchange-auth@3.",
    { cause },
  );
}

/**
 * Returns a function that configures urql's `authExchange`. Each operation without an `Authorization` header gets a
 * fresh one. If the server refuses the header, urql retries once, with a renewed header if possible.
 * @example authExchange(createAuthConfig(client))
 */
export function createAuthConfig(
  client: AuthClient,
): (utilities: AuthUtilities) => Promise<AuthConfig> {
  /** Maps a refused `Authorization` header to the errors of the response. */
  const refused = new Map<string | null, CombinedError["graphQLErrors"]>();
  /** Maps a refused `Authorization` header to the header for the retry. Null if a retry cannot help. */
  const recovered = new Map<string | null, string | null>();

  return (utilities) =>
    Promise.resolve({
      addAuthToOperation(operation) {
        const { context } = operation;
        const sent = readAuthorization(context);
        if (sent && !isSigned(operation)) return operation;
        // A retry must not use the current session, because another user may have signed in since the request.
        const isRetry = context["authAttempt"] === true && recovered.has(sent);
        // If a retry cannot help, send the old header again, because urql cannot return the first response instead.
        const authorization = isRetry ? recovered.get(sent) : client.getSession().authorization;
        return authorization
          ? utilities.appendHeaders(sign(operation), { authorization })
          : operation;
      },
      willAuthError: (operation) =>
        readAuthorization(operation.context) === null && client.isRenewalDue(),
      didAuthError({ graphQLErrors: errors }, operation) {
        const { context } = operation;
        // urql sets `authAttempt` on a retry. An operation is retried only once, and only if a user is signed in.
        const mayRetry = !context["authAttempt"] && client.getSession().authorization !== null;
        if (!mayRetry || !isSigned(operation) || findRefusal(errors) === null) return false;
        refused.set(readAuthorization(context), errors);
        return true;
      },
      async refreshAuth() {
        recovered.clear();
        if (refused.size === 0) await client.getAuthorization();
        for (const [sent, errors] of refused) {
          refused.delete(sent);
          recovered.set(sent, await client.recover(sent, errors));
        }
      },
    });
}

/** Marks an operation whose `Authorization` header this file has set. */
function sign(operation: Operation): Operation {
  return { ...operation, context: { ...operation.context, isSignedByGatehouse: true } };
}

function isSigned({ context }: Operation): boolean {
  return context["isSignedByGatehouse"] === true;
}

function readAuthorization({ fetchOptions }: OperationContext): string | null {
  const { headers } = (typeof fetchOptions === "function" ? fetchOptions() : fetchOptions) ?? {};
  return new Headers(headers).get("authorization");
}
