import type { Credentials, User } from "./credentials.js";
import type { Failure } from "./failure.js";

/** Whether a user is signed in. Each change makes a new object. */
export type AuthState = Authenticated | NotAuthenticated;

interface AnyState {
  /** The last failure, even while signed in. Null after the next success. */
  readonly error: Failure | null;
  /**
   * Whether the session is lost when this page closes. The reason is that the storage has failed, or that the browser
   * did not keep the cookie.
   */
  readonly hasStorageFailed: boolean;
}

/** Signed in. The server can still refuse the next request. */
export interface Authenticated extends AnyState {
  readonly status: "authenticated";
  readonly user: User;
  /** The access token, static token or sliding token. */
  readonly token: string;
  /** The `Authorization` header. May expire soon: {@link AuthClient.getAuthorization} returns a fresh header. */
  readonly authorization: string;
}

/**
 * Not signed in (`anonymous`), or not known yet (`loading`). The status is `loading`
 * - with an asynchronous storage, until the client has read the storage;
 * - with storage `"cookie"`, until the server has said whether the cookie has a session, or the request has failed;
 * - while a server renders the page with React.
 */
export interface NotAuthenticated extends AnyState {
  readonly status: "loading" | "anonymous";
  readonly user: null;
  readonly token: null;
  readonly authorization: null;
}

type StateCredentials = { [Key in "user" | "token" | "authorization"]?: Credentials[Key] | null };

/** @param credentials null if signed out; undefined if not known yet */
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
