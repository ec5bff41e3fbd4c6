import { ApolloLink } from "@apollo/client/link";
import { from, mergeMap, of } from "rxjs";
import type { AuthClient } from "./auth-client.js";

/**
 * Creates an Apollo Link that sends operations with a fresh `Authorization` header, and once more with a renewed one if
 * the server refuses it. Put it before the terminating link, whose server gets the token.
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
