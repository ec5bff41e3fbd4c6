import type { GrantData } from "./credentials.js";
import type { Operation, Result } from "./execute.js";
import type { GraphQLErrorLike } from "./failure.js";
import type { ResolvedOptions, Scheme } from "./options.js";
import type { Renewal } from "./renewal.js";
import type { Session } from "./session.js";
import type { AuthState } from "./state.js";

/**
 * Keeps a session alive. `authFetch` rejects when `fetch` rejects. The other methods never reject: they report failures
 * in the state. If logins and logouts overlap, the last call wins. The methods need no `this`.
 */
export interface AuthClient {
  readonly scheme: Scheme;
  /** Logs in by user name and password. A failed login keeps the current session. */
  readonly login: (username: string, password: string) => Promise<AuthState>;
  /** Logs in by e-mail address and password. A failed login keeps the current session. */
  readonly emailLogin: (email: string, password: string) => Promise<AuthState>;
  /**
   * Ends the session in this client and at the server. If the request fails, the state has the error, and the session
   * may still be open at the server. With storage `"cookie"`, a failed logout leaves the user signed in, because only
   * the server can remove the cookie.
   */
  readonly logout: () => Promise<AuthState>;
  /** Ends all sessions of the user. If that fails, the state has the error. */
  readonly logoutAll: () => Promise<AuthState>;
  /**
   * Like `fetch`, but adds the `Authorization` header to requests to allowed origins. If the server refuses the header,
   * renews the header and retries once. Does not retry a request whose body is a stream. Does not change a request that
   * already has the header.
   */
  readonly authFetch: typeof fetch;
  /** Returns the current state: the same object until something changes. */
  readonly getSession: () => AuthState;
  /** Calls `listener` after each change. @returns a function that ends the subscription */
  readonly subscribe: (listener: () => void) => () => void;
  /**
   * Returns the `Authorization` header, or null if signed out. First renews a token that expires soon, or a sliding
   * token in the second half of its lifetime.
   */
  readonly getAuthorization: () => Promise<string | null>;
  /** Returns whether {@link AuthClient.getAuthorization} would first renew the token. */
  readonly isRenewalDue: () => boolean;
  /** Renews the tokens. Concurrent calls share one request, also across tabs. */
  readonly refresh: () => Promise<AuthState>;
  /**
   * Returns the `Authorization` header for one retry of a refused request, or null if a retry cannot help. If the
   * session has ended, the state has the reason.
   * @param authorization the refused header
   * @param errors the errors of the GraphQL response; leave them out for a response with status 401 and no errors
   */
  readonly recover: (
    authorization: string | null | undefined,
    errors?: readonly GraphQLErrorLike[],
  ) => Promise<string | null>;
  /** Disconnects from the other tabs. */
  readonly close: () => void;
  /**
   * The parts of the client that `graphql-gatehouse/client/account` uses. The published types do not have them.
   * @internal
   */
  readonly internals: {
    readonly config: ResolvedOptions;
    readonly session: Session;
    readonly renewal: Renewal;
    /**
     * Runs an operation with the argument `scheme`. If the response has tokens, the user is signed in, as after a login.
     * A failure does not change the state.
     */
    readonly signIn: <Data extends GrantData>(operation: Operation) => Promise<Result<Data>>;
  };
}
