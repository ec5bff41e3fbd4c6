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
   * The signed-in user, or null. Reading it never throws. With `bearerCheck: "stateless"`, the user of an access token
   * is a {@link TokenUser}, which has only an id and a session.
   */
  readonly user: Principal | TokenUser | null;
  /**
   * The error if the `Authorization` header was refused or could not be checked; otherwise null. Guarded fields fail
   * with this error. Public fields ignore it. If the scheme in the header is not served, the error is a {@link
   * SchemeNotServed}. It has the same `reason` as the error for a request without the header.
   */
  readonly authError: AuthError | null;
  /**
   * Returns the signed-in user as stored in the database. If {@link AuthContext.user} is a {@link TokenUser}, the first
   * call costs one query, and later calls cost no query. If `user` is a {@link Principal}, no call costs a query.
   * @throws {@link AuthContext.authError} when nobody is signed in. If `authError` is null, throws {@link
   * NoCredentials} instead.
   * @throws {@link Unauthenticated} with the reason when the credential of a {@link TokenUser} is no longer valid
   */
  loadUser(): Promise<Principal>;
  /**
   * Builds a new context for the same request. Guarded subscriptions call it before each event: the session may have
   * ended, or the role may have changed, since the last event.
   */
  readonly renew: () => Promise<AuthContext>;
  /** Reports to the audit trail that the user's role was too low. */
  onRoleDenied(required: Role): void;
  /**
   * The credential of the `Authorization` header, accepted or refused. Null if the header is missing or malformed, or
   * its scheme is not served.
   */
  readonly credential: Credential | null;
  /** The client that sent the request. If somebody is signed in, its `actor` says who. */
  readonly client: Client;
  /** The request that the context was created from. */
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
