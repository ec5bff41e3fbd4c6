import { randomBytes } from "node:crypto";
import type { AuthConfig } from "../config/auth-config.js";
import type { KeyRing } from "../keys/key-ring.js";
import { TokenKind } from "./token-kind.js";

/** For whom an access token is issued. */
export interface AccessGrant {
  readonly userId: string;
  readonly sessionId: string;
  /** When the session is over, in epoch milliseconds: no access token outlives it. Null means never. */
  readonly sessionExpiresAt: number | null;
}

/** Access tokens: short-lived, and verifiable by anybody who has our public keys. @see RFC 9068 */
export class AccessTokens extends TokenKind {
  readonly #now: () => number;

  constructor(config: AuthConfig, ring: KeyRing) {
    super(config, {
      typ: "at+jwt",
      tokenType: "access",
      lifetime: config.accessTokenLifetime,
      maxLifetime: config.accessTokenLifetime,
      ring,
    });
    this.#now = config.now;
  }

  /** A new access token, and its `exp` in epoch milliseconds. */
  issue(grant: AccessGrant): { access: string; expiresAt: number } {
    const iat = Math.floor(this.#now() / 1000);
    const sessionEnd = Math.floor((grant.sessionExpiresAt ?? Infinity) / 1000);
    const exp = Math.min(iat + this.lifetime, Math.max(iat + 1, sessionEnd));
    const jti = randomBytes(16).toString("hex");
    const claims = this.claims({ sub: grant.userId, sid: grant.sessionId, jti, iat, exp });
    return { access: this.sign(claims), expiresAt: exp * 1000 };
  }
}
