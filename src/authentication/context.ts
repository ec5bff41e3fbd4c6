import type { Role } from "../accounts/role.js";
import type { AuthError } from "../errors.js";
import type { Client } from "../events.js";
import type { Principal } from "../sessions/principal.js";
import type { TokenUser } from "../sessions/token-user.js";
import type { Credential } from "./authorization-header.js";
import type { ContextOptions, RequestLike } from "./request.js";

/** The context that every resolver gets: the signed-in user, and the request. */
export interface AuthContext {
  /**
   * The signed-in user, or null. With `bearerCheck: "stateless"`, an access token gives a {@link TokenUser}, which has
   * only an id and a session.
   */
  readonly user: Principal | TokenUser | null;
  /**
   * The error if the `Authorization` header was refused or could not be checked; otherwise null. Guarded fields fail
   * with this error. Public fields ignore it.
   */
  readonly authError: AuthError | null;
  /**
   * Returns the signed-in user as stored in the database. For a {@link TokenUser}, the first call costs one query.
   * @throws {@link AuthContext.authError} when the credential was refused
   * @throws {@link NoCredentials} when the request has no credential
   * @throws {@link Unauthenticated} with the reason when the credential of a {@link TokenUser} is no longer valid
   */
  loadUser(): Promise<Principal>;
  /**
   * Builds a new context for the same request. Guarded subscriptions call it before each event, because the session may
   * have ended since the last event.
   */
  readonly renew: () => Promise<AuthContext>;
  /** Reports to the audit trail that the user's role was too low. */
  onRoleDenied(required: Role): void;
  /** Reports to the audit trail that the user's last password was too old. @param freshWithin such as `15m` */
  onFreshnessDenied(freshWithin: string): void;
  /**
   * The credential in the `Authorization` header, even if it was refused. Null if the header is missing or malformed,
   * or its scheme is not served.
   */
  readonly credential: Credential | null;
  /** The client that sent the request. If somebody is signed in, its `actor` says who. */
  readonly client: Client;
  /** The request of this context. */
  readonly request: RequestLike;
  /** Headers to add to the response, such as `Set-Cookie`. */
  readonly responseHeaders: [name: string, value: string][];
}

/** The context of a resolver that `@auth` guards. It always has a user. */
export interface SignedInContext extends AuthContext {
  readonly user: Principal | TokenUser;
  readonly authError: null;
  readonly credential: Credential;
}

/** Builds the context of one request. */
export type CreateContext = (
  request?: RequestLike,
  options?: ContextOptions,
) => Promise<AuthContext>;
