import type { CombinedError, OperationContext } from "@urql/core";
import type { AuthConfig, AuthUtilities } from "@urql/exchange-auth";
import type { AuthClient } from "./client.js";
import { findRefusal } from "./failure.js";

/**
 * What urql's `authExchange` is to do: sign operations with a header that is fresh, and once again where it was refused
 * all the same.
 * @example authExchange(createAuthConfig(client))
 */
export function createAuthConfig(
  client: AuthClient,
): (utilities: AuthUtilities) => Promise<AuthConfig> {
  /** By the header that was sent: why it was refused, and what to repeat an operation of it with. */
  const refused = new Map<string | null, CombinedError["graphQLErrors"]>();
  const recovered = new Map<string | null, string | null>();

  return (utilities) =>
    Promise.resolve({
      addAuthToOperation(operation) {
        const sent = readAuthorization(operation.context);
        // One that was sent before is never repeated in the name of somebody who has logged in since.
        const authorization = sent ? recovered.get(sent) : client.getSession().authorization;
        return authorization ? utilities.appendHeaders(operation, { authorization }) : operation;
      },
      willAuthError: client.isRenewalDue,
      didAuthError({ graphQLErrors: errors }, { context }) {
        // The second time it is not sent again.
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

/** What an operation was sent with. */
function readAuthorization({ fetchOptions }: OperationContext): string | null {
  const { headers } = (typeof fetchOptions === "function" ? fetchOptions() : fetchOptions) ?? {};
  return new Headers(headers).get("authorization");
}
