import type { CombinedError, Operation, OperationContext } from "@urql/core";
import { authExchange, type AuthConfig, type AuthUtilities } from "@urql/exchange-auth";
import type { AuthClient } from "./auth-client.js";
import { findRefusal } from "./failure.js";

try {
  // The `authExchange` of version 1 reads its argument at once, so this call fails. In newer versions, `authExchange`
  // reads its argument only when a client is created, so this call does nothing.
  authExchange(undefined as never);
} catch (cause) {
  throw new Error(
    "graphql-gatehouse/urql needs @urql/exchange-auth 2 or newer, but found version 1. Install @urql/exchange-auth@3.",
    { cause },
  );
}

/**
 * Configures urql's `authExchange` to send operations with a fresh `Authorization` header, and to retry once with a
 * renewed header if the server refuses the first header. An operation that already has an `Authorization` header is not
 * changed.
 * @example authExchange(createAuthConfig(client))
 */
export function createAuthConfig(
  client: AuthClient,
): (utilities: AuthUtilities) => Promise<AuthConfig> {
  /** For each refused `Authorization` header, the errors of the response that refused it. */
  const refused = new Map<string | null, CombinedError["graphQLErrors"]>();
  /** For each refused header, the header to retry with. */
  const recovered = new Map<string | null, string | null>();

  return (utilities) =>
    Promise.resolve({
      addAuthToOperation(operation) {
        const { context } = operation;
        const sent = readAuthorization(context);
        if (sent && !isSigned(operation)) return operation;
        // A retry uses the recovered header, because the current session may be another user's by now.
        const isRetry = context["authAttempt"] === true && recovered.has(sent);
        // Without one, the refused header goes out again: urql has no way to return the first result instead.
        const authorization = isRetry ? recovered.get(sent) : client.getSession().authorization;
        return authorization
          ? utilities.appendHeaders(sign(operation), { authorization })
          : operation;
      },
      willAuthError: (operation) =>
        readAuthorization(operation.context) === null && client.isRenewalDue(),
      didAuthError({ graphQLErrors: errors }, operation) {
        const { context } = operation;
        // An operation is retried only once, and not if the session is over: then there is no new header to send.
        // `authAttempt` marks a retry.
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

/** Marks an operation whose `Authorization` header is ours, not the caller's. */
function sign(operation: Operation): Operation {
  return { ...operation, context: { ...operation.context, isSignedByGatehouse: true } };
}

function isSigned({ context }: Operation): boolean {
  return context["isSignedByGatehouse"] === true;
}

/** Returns the `Authorization` header of an operation, or null if it has none. */
function readAuthorization({ fetchOptions }: OperationContext): string | null {
  const { headers } = (typeof fetchOptions === "function" ? fetchOptions() : fetchOptions) ?? {};
  return new Headers(headers).get("authorization");
}
