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
  let refused: { authorization: string | null; error: CombinedError } | undefined;

  return (utilities) =>
    Promise.resolve({
      addAuthToOperation(operation) {
        const { authorization } = client.getSession();
        return authorization === null
          ? operation
          : utilities.appendHeaders(operation, { authorization });
      },
      willAuthError: client.isRenewalDue,
      didAuthError(error, { context }) {
        if (findRefusal(error.graphQLErrors) === null) return false;
        refused = { authorization: readAuthorization(context), error };
        return true;
      },
      async refreshAuth() {
        const present = refused;
        refused = undefined;
        if (present === undefined) await client.refresh();
        else if (!(await client.recover(present.authorization, present.error.graphQLErrors))) {
          throw present.error;
        }
      },
    });
}

/** What an operation was sent with. */
function readAuthorization({ fetchOptions }: OperationContext): string | null {
  const { headers } = (typeof fetchOptions === "function" ? fetchOptions() : fetchOptions) ?? {};
  return new Headers(headers).get("authorization");
}
