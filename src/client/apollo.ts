// Observable comes from Apollo Client, so that both version 4 with rxjs and version 3 without it work.
import { ApolloLink, Observable } from "@apollo/client";
import type { AuthClient } from "./auth-client.js";

type Handle = (result: ApolloLink.Result) => void | Promise<void>;

/**
 * Creates an Apollo Link that sends operations with a fresh `Authorization` header, and once more with a renewed one if
 * the server refuses it. Put it before the terminating link, whose server gets the token.
 */
export function createAuthLink({ getAuthorization, recover }: AuthClient): ApolloLink {
  return new ApolloLink(
    (operation, forward) =>
      new Observable((observer) => {
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
        const deliver = (result: ApolloLink.Result) => {
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
