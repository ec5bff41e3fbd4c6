import type { Credentials, User } from "./credentials.js";
import type { Failure } from "./failure.js";

/** Whether a user is signed in. The object is replaced whenever something changes. */
export type AuthState = Authenticated | NotAuthenticated;

interface AnyState {
  /** The last failure, even while signed in. Null after the next success. */
  readonly error: Failure | null;
  /**
   * Whether the session will be lost when this page is closed. The reason is that the storage has failed, or that the
   * browser did not keep the cookie.
   */
  readonly hasStorageFailed: boolean;
}

/** Signed in, as far as the client knows: the server decides at the next request. */
export interface Authenticated extends AnyState {
  readonly status: "authenticated";
  readonly user: User;
  /** The access token, static token or sliding token. */
  readonly token: string;
  /**
   * The `Authorization` header, which may be about to expire. {@link AuthClient.getAuthorization} returns a fresh
   * header.
   */
  readonly authorization: string;
}

/**
 * Not signed in, or not known yet. With storage `"cookie"`, the client asks the server whether the cookie has a
 * session. The status is `loading` until the server has answered or the request has failed. With an asynchronous
 * storage, the status is `loading` until the client has read the storage. While a server renders the page with React,
 * the status is also `loading`.
 */
export interface NotAuthenticated extends AnyState {
  readonly status: "loading" | "anonymous";
  readonly user: null;
  readonly token: null;
  readonly authorization: null;
}

type StateCredentials = { [Key in "user" | "token" | "authorization"]?: Credentials[Key] | null };

/**
 * Returns the state for some credentials.
 * @param credentials null if signed out; undefined if not known yet
 */
export function toState(
  credentials: Credentials | null | undefined,
  error: Failure | null,
  hasStorageFailed: boolean,
): AuthState {
  const { user = null, token = null, authorization = null }: StateCredentials = credentials ?? {};
  const isUnknown = credentials === undefined && error === null;
  const status = credentials ? "authenticated" : isUnknown ? "loading" : "anonymous";
  return { status, user, token, authorization, error, hasStorageFailed } as AuthState;
}
