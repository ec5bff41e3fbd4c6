import type { GraphQLErrorLike } from "./failure.js";
import type { Scheme } from "./options.js";
import type { AuthState } from "./state.js";

/**
 * Keeps a session alive. Only `authFetch` rejects, and only when `fetch` does; the other methods report failures in the
 * state. When logins and logouts overlap, the last call wins. The methods need no `this`.
 */
export interface AuthClient {
  readonly scheme: Scheme;
  /** Logs in by user name and password. A failure leaves the current session as it is. */
  readonly login: (username: string, password: string) => Promise<AuthState>;
  /** Logs in by e-mail address and password. A failure leaves the current session as it is. */
  readonly emailLogin: (email: string, password: string) => Promise<AuthState>;
  /**
   * Ends the session in this client and at the server. If the request to the server fails, the state has the error, and
   * the session may still be open at the server. With storage `"cookie"`, the user also stays signed in after such a
   * failure, because only the server can remove its cookie.
   */
  readonly logout: () => Promise<AuthState>;
  /** Ends all sessions of the user. If that fails, the state has the error. */
  readonly logoutAll: () => Promise<AuthState>;
  /**
   * Like `fetch`, but adds the `Authorization` header for allowed origins. If the server refuses the header, renews it
   * and retries once. A request that already has the header is not changed. A body that is a stream is not sent twice.
   */
  readonly authFetch: typeof fetch;
  /** Returns the current state: the same object until something changes. */
  readonly getSession: () => AuthState;
  /** Calls `listener` after each change. @returns a function that ends the subscription */
  readonly subscribe: (listener: () => void) => () => void;
  /**
   * Returns the current `Authorization` header, or null if signed out. Renews the header first if its token is about to
   * expire, or is a sliding token that has passed half its lifetime.
   */
  readonly getAuthorization: () => Promise<string | null>;
  /** Returns whether {@link AuthClient.getAuthorization} would first send a refresh. */
  readonly isRenewalDue: () => boolean;
  /** Renews the credentials. Concurrent calls share one refresh, also across tabs. */
  readonly refresh: () => Promise<AuthState>;
  /**
   * Returns the `Authorization` header for one retry of a refused request, or null if a retry cannot help. If the
   * session has ended, the state has the reason.
   * @param authorization the header of the request
   * @param errors the errors of the GraphQL response; leave them out for a response with status 401 and no errors
   */
  readonly recover: (
    authorization: string | null | undefined,
    errors?: readonly GraphQLErrorLike[],
  ) => Promise<string | null>;
  /** Disconnects from the other tabs. */
  readonly close: () => void;
}
