import type { AuthScheme } from "../events.js";
import type { VerifiedToken } from "../tokens/token-kinds.js";

/** The session of a {@link TokenUser}: the part that the access token holds. Instants are epoch milliseconds. */
export interface TokenUserSession {
  readonly id: string;
  readonly scheme: AuthScheme;
  /** When the access token was issued. */
  readonly createdAt: number;
  /** When the access token expires. */
  readonly expiresAt: number;
}

/**
 * The signed-in user where `bearerCheck` is `stateless`: only what the access token holds. The session may have been
 * ended, and the user may have been deactivated or deleted, since the token was issued.
 * @see {@link AuthContext.loadUser} for the user as the database has it
 */
export class TokenUser {
  readonly id: string;
  readonly session: TokenUserSession;

  constructor({ session: { id, userId, scheme }, claims: { iat, exp } }: VerifiedToken) {
    this.id = userId;
    this.session = { id, scheme, createdAt: iat * 1000, expiresAt: exp * 1000 };
  }
}
