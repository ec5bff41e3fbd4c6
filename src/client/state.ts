import type { Failure } from "./failure.js";
import type { Login, User } from "./login.js";

/** Where this client stands. A new object whenever something changes. */
export type AuthState = Authenticated | NotAuthenticated;

interface Told {
  /** What went wrong last, also while signed in; null once something went right. */
  readonly error: Failure | null;
  /** Whether the storage is full or forbidden, so that the login is gone with this page. */
  readonly hasStorageFailed: boolean;
}

/** Signed in, as far as is known: the server has the last word with the next request. */
export interface Authenticated extends Told {
  readonly status: "authenticated";
  readonly user: User;
  /** The access token, or the static or sliding one. */
  readonly token: string;
  /** The `Authorization` header. {@link AuthClient.getAuthorization} gives one that is renewed where it has to be. */
  readonly authorization: string;
}

/** Not signed in; or `loading`, while a cookie's session is looked for, and while a server renders. */
export interface NotAuthenticated extends Told {
  readonly status: "loading" | "anonymous";
  readonly user: null;
  readonly token: null;
  readonly authorization: null;
}

type Loose = { [Key in "user" | "token" | "authorization"]?: Login[Key] | null };

/**
 * The state for a login.
 * @param login undefined where it is not known yet whether there is one
 */
export function toState(
  login: Login | null | undefined,
  error: Failure | null,
  hasStorageFailed: boolean,
): AuthState {
  const { user = null, token = null, authorization = null }: Loose = login ?? {};
  const isUnknown = login === undefined && error === null;
  const status = login ? "authenticated" : isUnknown ? "loading" : "anonymous";
  return { status, user, token, authorization, error, hasStorageFailed } as AuthState;
}
