import type { Role } from "../accounts/role.js";
import type { AuthError } from "../errors.js";
import type { Client } from "../events.js";
import type { Principal } from "../sessions/principal.js";
import type { TokenUser } from "../sessions/token-user.js";
import type { Credential } from "./authorization-header.js";
import type { ContextOptions, RequestLike } from "./request.js";

/** The context that every resolver gets. */
export interface AuthContext {
  /**
   * The signed-in user, or null. With `bearerCheck: "stateless"`, an access token gives a {@link TokenUser}, which has
   * only an id and a session.
   */
  readonly user: Principal | TokenUser | null;
  /**
   * The error if the credential was refused or could not be checked. Null if there is no such error. Guarded fields
   * fail with this error. Most public fields ignore it.
   */
  readonly authError: AuthError | null;
  /**
   * Returns the signed-in user from the database. For a {@link TokenUser}, the first call costs one query.
   * @throws {@link AuthContext.authError} when the credential was refused
   * @throws {@link NoCredentials} when the request has no credential
   * @throws {@link Unauthenticated} with the reason when the credential of a {@link TokenUser} is no longer valid
   */
  loadUser(): Promise<Principal>;
  /**
   * Builds a new context for the same request. Guarded subscriptions call `renew` before each event, because the
   * session may have ended since the last event.
   */
  readonly renew: () => Promise<AuthContext>;
  /**
   * Calls `onChange` within about a second when the session has ended, the credential has expired, or the user's role
   * has changed. Notices changes by other instances, too. `onChange` should call `renew`. Guarded subscriptions use
   * this method while no event comes.
   * @returns a function that stops the calls
   */
  readonly watch: (onChange: () => Promise<void>) => () => void;
  /** Reports to the audit trail that the user's role is too low for a field. */
  onRoleDenied(required: Role): void;
  /** Reports to the audit trail that the user's last proof is too old. @param freshWithin such as `15m` */
  onFreshnessDenied(freshWithin: string): void;
  /** Reports to the audit trail that the user has not proved a second factor, or not recently enough. */
  onSecondFactorDenied(): void;
  /**
   * The credential in the `Authorization` header, even if it was refused. Null if the header is missing or malformed,
   * or if its scheme is neither `Token` nor `Bearer`.
   */
  readonly credential: Credential | null;
  /** The client that sent the request. Its `actor` is the signed-in user, if there is one. */
  readonly client: Client;
  readonly request: RequestLike;
  /** Headers to add to the response, such as `Set-Cookie`. */
  readonly responseHeaders: [name: string, value: string][];
}

/** The context of a resolver that `@auth` guards. */
export interface SignedInContext extends AuthContext {
  readonly user: Principal | TokenUser;
  readonly authError: null;
  readonly credential: Credential;
}

export type CreateContext = (
  request?: RequestLike,
  options?: ContextOptions,
) => Promise<AuthContext>;
