import type { GrantData } from "./credentials.js";
import type { Operation, Result } from "./execute.js";
import type { Failure, GraphQLErrorLike } from "./failure.js";
import type { ResolvedOptions, Scheme } from "./options.js";
import type { Renewal } from "./renewal.js";
import type { Session } from "./session.js";
import type { AuthState } from "./state.js";

/**
 * Logs users in and out, and keeps their tokens fresh. The methods need no `this`. `authFetch` rejects when `fetch`
 * rejects. The other methods never reject: they report failures in the state. If logins and logouts overlap, the last
 * call wins.
 */
export interface AuthClient {
  readonly scheme: Scheme;
  /** Logs in by user name and password. A failed login keeps the current session. */
  readonly login: (username: string, password: string) => Promise<AuthState>;
  /** Logs in by e-mail address and password. A failed login keeps the current session. */
  readonly emailLogin: (email: string, password: string) => Promise<AuthState>;
  /**
   * Ends the session in this client and at the server. If the request fails, the state has the error, and the session
   * may still be open at the server. With storage `"cookie"`, the user then stays signed in, because only the server
   * can remove the cookie.
   */
  readonly logout: () => Promise<AuthState>;
  /** Ends all sessions of the user. If the request fails, the state has the error. */
  readonly logoutAll: () => Promise<AuthState>;
  /**
   * Like `fetch`, but adds the `Authorization` header to requests to allowed origins. Keeps a header that the request
   * already has. If the server refuses the added header, renews the token and retries once. Does not retry a request
   * whose body is a stream.
   */
  readonly authFetch: typeof fetch;
  /** Returns the state. Returns the same object until the state changes. */
  readonly getSession: () => AuthState;
  /** Calls `listener` after each change of the state. @returns a function that ends the subscription */
  readonly subscribe: (listener: () => void) => () => void;
  /**
   * Returns the `Authorization` header, or null if no user is signed in. First renews an access token that expires
   * soon, or a sliding token that is in the second half of its lifetime.
   */
  readonly getAuthorization: () => Promise<string | null>;
  /** Returns whether {@link AuthClient.getAuthorization} would renew the token now. */
  readonly isRenewalDue: () => boolean;
  /** Renews the tokens. Concurrent calls share one request, normally even across tabs. */
  readonly refresh: () => Promise<AuthState>;
  /**
   * Returns the `Authorization` header for one retry of a refused request, or null if a retry cannot help. If the
   * session has ended, the state has the reason.
   * @param authorization the refused header
   * @param errors the errors of the GraphQL response. Omit them for a response that has status 401 and no errors
   */
  readonly recover: (
    authorization: string | null | undefined,
    errors?: readonly GraphQLErrorLike[],
  ) => Promise<string | null>;
  readonly close: () => void;
  /**
   * The parts of the client that `graphql-gatehouse/client/account` uses. The published types omit them.
   * @internal
   */
  readonly internals: {
    readonly config: ResolvedOptions;
    readonly session: Session;
    readonly renewal: Renewal;
    /**
     * Sends an operation with the variable `scheme`. If the response has tokens, signs the user in, unless another
     * login or logout has started meanwhile. A failure changes the state only if the login needs a second step.
     */
    readonly signIn: <Data extends GrantData>(operation: Operation) => Promise<Result<Data>>;
    /**
     * If an operation failed because the server wants another proof, asks the user for the proof. Returns whether to
     * repeat the operation.
     */
    isProven?: (failure: Failure | undefined) => Promise<boolean>;
  };
}
