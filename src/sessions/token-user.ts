import type { Role, Roles } from "../accounts/role.js";
import type { AuthScheme } from "../events.js";
import type { VerifiedToken } from "../tokens/token-kinds.js";

/** The session that an access token names. Instants are epoch milliseconds. */
export interface TokenUserSession {
  readonly id: string;
  readonly scheme: AuthScheme;
  /** When the access token was issued. */
  readonly createdAt: number;
  /** When the access token expires. */
  readonly expiresAt: number;
  /** The id of the administrator who acts as the user. Null for the user's own sessions. */
  readonly impersonatorId: string | null;
}

/**
 * The user of an access token when `bearerCheck` is `stateless`. All values come from the token. Since the token was
 * issued, the session may have ended, and the user may have been deleted.
 * @see {@link AuthContext.loadUser} for the user as stored in the database
 */
export class TokenUser {
  readonly id: string;
  readonly session: TokenUserSession;
  readonly #roles: Roles;

  constructor({ session, claims: { iat, exp } }: VerifiedToken, roles: Roles) {
    const { id, userId, scheme, impersonatorId } = session;
    this.#roles = roles;
    this.id = userId;
    this.session = { id, scheme, createdAt: iat * 1000, expiresAt: exp * 1000, impersonatorId };
  }

  /**
   * Returns whether the token alone proves that the user's role is at least `required`. A token does not contain the
   * role, so it proves only the lowest role, which every user has.
   * @throws TypeError when there is no such role
   */
  provesRole(required: Role): boolean {
    return this.#roles.isAtLeast(this.#roles.lowest, required);
  }
}
