import type { AuthClient } from "./auth-client.js";
import { type Failure, type GraphQLErrorLike, toFailure } from "./failure.js";
import type { Result } from "./result.js";

/**
 * Asks the user to prove again who they are, for example in a dialog that calls `reauthenticate`.
 * @param failure says what proof is needed: a second factor if it has `acrValues`, otherwise a password or a second
 * factor
 * @returns whether the user gave the proof
 */
export type AskForProof = (failure: Failure) => Promise<boolean>;

/**
 * Repeats operations that the server has refused because the user must first prove again who they are, or must prove a
 * second factor.
 */
export interface StepUp {
  /**
   * Runs an operation. If the server refuses the operation with `reauthentication_required`, asks the user, and runs
   * the operation once more. Does not run it again if another user has signed in meanwhile.
   */
  readonly run: <Data>(operation: () => Promise<Result<Data>>) => Promise<Result<Data>>;
  /**
   * Like `authFetch`, but asks the user and repeats, as {@link StepUp.run} does. Does not repeat a request whose body
   * is a stream. Does not ask after a response of an origin that gets no token, because such an origin could make the
   * page ask for the password.
   */
  readonly fetch: typeof fetch;
  /** Stops the operations of `graphql-gatehouse/client/account` from asking the user. */
  readonly close: () => void;
}

/**
 * Creates a step-up, which asks the user when the server wants another proof. The operations of
 * `graphql-gatehouse/client/account` then ask, too, so {@link StepUp.run} is only for operations of your own.
 * Operations that are refused at the same time share one question. A client has one step-up: a later one replaces it.
 * @see RFC 9470
 */
export function createStepUp(auth: AuthClient, ask: AskForProof): StepUp {
  const { internals } = auth;
  let asking: Promise<boolean> | undefined;

  /** Asks the user if the failure wants another proof. @returns whether to repeat the operation */
  const isProven = async (failure: Failure | null | undefined): Promise<boolean> => {
    if (failure?.reason !== "reauthentication_required") return false;
    const user = auth.getSession().user?.id;
    asking ??= ask(failure).finally(() => {
      asking = undefined;
    });
    // While the user was asked, another user may have signed in, here or in another tab.
    return (await asking) && auth.getSession().user?.id === user;
  };

  internals.isProven = isProven;
  return {
    async run(operation) {
      const result = await operation();
      return (await isProven(result.error)) ? operation() : result;
    },
    async fetch(input, init) {
      // The body of a request can be read only once.
      const again = input instanceof Request ? input.clone() : input;
      const response = await auth.authFetch(input, init);
      // A stream can be read only once, so it cannot be sent again.
      if ("getReader" in Object(init?.body)) return response;
      const url = again instanceof Request ? again.url : String(again);
      // After a redirect, `response.url` is another URL. In a response that a script has created, it is empty.
      const urls = [url, response.url || url];
      if (!urls.every(internals.config.isAllowed)) return response;
      const isRepeated = await isProven(await readFailure(response));
      return isRepeated ? auth.authFetch(again, init) : response;
    },
    close() {
      if (internals.isProven === isProven) delete internals.isProven;
    },
  };
}

/** Returns the failure of a GraphQL response that asks for another proof, or undefined. */
async function readFailure(response: Response): Promise<Failure | undefined> {
  if (!response.headers.get("content-type")?.includes("json")) return undefined;
  try {
    const { errors } = (await response.clone().json()) as { errors?: GraphQLErrorLike[] };
    return errors?.map(toFailure).find(({ reason }) => reason === "reauthentication_required");
  } catch {
    return undefined;
  }
}
