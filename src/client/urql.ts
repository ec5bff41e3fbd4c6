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
  let refused: { authorization: string | null; errors: CombinedError["graphQLErrors"] } | null =
    null;
  let recovered: string | null = null;

  return (utilities) =>
    Promise.resolve({
      addAuthToOperation(operation) {
        // One that was sent before is never repeated in the name of somebody who has logged in since.
        const wasSent = readAuthorization(operation.context) !== null;
        const authorization = wasSent ? recovered : client.getSession().authorization;
        return authorization ? utilities.appendHeaders(operation, { authorization }) : operation;
      },
      willAuthError: client.isRenewalDue,
      didAuthError({ graphQLErrors: errors }, { context }) {
        if (findRefusal(errors) === null) return false;
        refused = { authorization: readAuthorization(context), errors };
        return true;
      },
      async refreshAuth() {
        const present = refused;
        refused = null;
        if (present) recovered = await client.recover(present.authorization, present.errors);
        else await client.refresh();
      },
    });
}

/** What an operation was sent with. */
function readAuthorization({ fetchOptions }: OperationContext): string | null {
  const { headers } = (typeof fetchOptions === "function" ? fetchOptions() : fetchOptions) ?? {};
  return new Headers(headers).get("authorization");
}
