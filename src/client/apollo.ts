import { ApolloLink } from "@apollo/client/link";
import { from, mergeMap, of } from "rxjs";
import type { AuthClient } from "./client.js";

/**
 * An Apollo Link that signs operations: with a header that is fresh, and once again where it was refused all the same.
 * It belongs before the link that sends, whose server gets the token.
 */
export function createAuthLink({ getAuthorization, recover }: AuthClient): ApolloLink {
  return new ApolloLink((operation, forward) => {
    const send = (authorization: string | null) => {
      operation.setContext(({ headers }) => ({
        headers: { ...(headers as object), ...(authorization && { authorization }) },
      }));
      return forward(operation);
    };
    return from(getAuthorization()).pipe(
      mergeMap((authorization) =>
        send(authorization).pipe(
          mergeMap((result) =>
            result.errors
              ? from(recover(authorization, result.errors)).pipe(
                  mergeMap((next) => (next ? send(next) : of(result))),
                )
              : of(result),
          ),
        ),
      ),
    );
  });
}
