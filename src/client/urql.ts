import type { CombinedError, OperationContext } from "@urql/core";
import type { AuthConfig, AuthUtilities } from "@urql/exchange-auth";
import type { AuthClient } from "./auth-client.js";
import { findRefusal } from "./failure.js";

/**
 * Configures urql's `authExchange`: it sends operations with a fresh `Authorization` header, and once more with a
 * renewed one if the server refuses it.
 * @example authExchange(createAuthConfig(client))
 */
export function createAuthConfig(
  client: AuthClient,
): (utilities: AuthUtilities) => Promise<AuthConfig> {
  /** The errors, by the `Authorization` header that was refused. */
  const refused = new Map<string | null, CombinedError["graphQLErrors"]>();
  /** The header to retry with, by the refused header. */
  const recovered = new Map<string | null, string | null>();

  return (utilities) =>
    Promise.resolve({
      addAuthToOperation(operation) {
        const sent = readAuthorization(operation.context);
        // Never retried with the current session, which may be another user's by now.
        const authorization = sent ? recovered.get(sent) : client.getSession().authorization;
        return authorization ? utilities.appendHeaders(operation, { authorization }) : operation;
      },
      willAuthError: client.isRenewalDue,
      didAuthError({ graphQLErrors: errors }, { context }) {
        // One retry is enough.
        if (context["authAttempt"] || findRefusal(errors) === null) return false;
        refused.set(readAuthorization(context), errors);
        return true;
      },
      async refreshAuth() {
        recovered.clear();
        if (refused.size === 0) await client.refresh();
        for (const [sent, errors] of refused) {
          refused.delete(sent);
          recovered.set(sent, await client.recover(sent, errors));
        }
      },
    });
}

/** Returns the `Authorization` header that an operation was sent with. */
function readAuthorization({ fetchOptions }: OperationContext): string | null {
  const { headers } = (typeof fetchOptions === "function" ? fetchOptions() : fetchOptions) ?? {};
  return new Headers(headers).get("authorization");
}
