// Nothing is imported by name, or from rxjs: older versions lack it, which stops an import with an error that says nothing.
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
 * Creates an Apollo Link that sends operations with a fresh `Authorization` header, and once more with a renewed one if
 * the server refuses it. Put it before the terminating link, whose server gets the token.
 */
export function createAuthLink({ getAuthorization, recover }: AuthClient): apollo.ApolloLink {
  return new apollo.ApolloLink(
    (operation, forward) =>
      new apollo.Observable((observer) => {
        let isCancelled = false;
        const subscriptions: { unsubscribe(): void }[] = [];
        /** Sends the operation. Resolves when the last result has been handled. */
        const send = (authorization: string | null, handle: Handle) =>
          new Promise<void>((resolve, reject) => {
            if (isCancelled) return;
            operation.setContext(({ headers }) => ({
              headers: { ...(headers as object), ...(authorization && { authorization }) },
            }));
            const handled: Promise<void>[] = [];
            const subscription = forward(operation).subscribe({
              next: (result) => handled.push(Promise.resolve(handle(result)).catch(reject)),
              error: reject,
              complete: () =>
                void Promise.all(handled).then(() => {
                  resolve();
                }),
            });
            subscriptions.push(subscription);
          });
        const deliver = (result: apollo.ApolloLink.Result) => {
          observer.next(result);
        };
        const run = async () => {
          const authorization = await getAuthorization();
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
      }),
  );
}
