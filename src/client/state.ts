import type { Credentials, User } from "./credentials.js";
import type { Failure } from "./failure.js";

/** Whether a user is signed in. Each change creates a new object. */
export type AuthState = Authenticated | NotAuthenticated;

interface AnyState {
  /** The last failure, even if a user is signed in. The next success sets it to null. */
  readonly error: Failure | null;
  /**
   * Whether the storage failed, or the browser did not keep the cookie. In both cases, the session is lost when this
   * page closes.
   */
  readonly hasStorageFailed: boolean;
}

/** A user is signed in. The server may still refuse the next request. */
export interface Authenticated extends AnyState {
  readonly status: "authenticated";
  readonly user: User;
  /** The access token, static token or sliding token. */
  readonly token: string;
  /** The `Authorization` header. It may expire soon. {@link AuthClient.getAuthorization} returns a fresh header. */
  readonly authorization: string;
}

/**
 * Either no user is signed in (`anonymous`), or the client does not know yet whether a user is signed in (`loading`).
 * The status is `loading` in these cases:
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

/** @param credentials null if no user is signed in; undefined while the client does not know yet */
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
