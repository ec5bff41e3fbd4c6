import { createHash } from "node:crypto";
import type { AuthConfig } from "../config.js";
import type { KeyRing } from "../keys/key-ring.js";
import { TokenNotValid } from "../errors.js";
import { type Claims, signJwt, verifyAnyAge } from "./jwt.js";

const TYP = "rt+jwt";
const TOKEN_TYPE = "refresh";

/** One generation of a session's refresh token. The same grant always makes the same token, byte for byte. */
export interface RefreshGrant {
  readonly userId: string;
  readonly sessionId: string;
  /** How often the session was refreshed before. */
  readonly generation: number;
  /** Epoch milliseconds. */
  readonly issuedAt: number;
  /** Epoch milliseconds. */
  readonly expiresAt: number;
}

/** The claims of a refresh token. */
export type RefreshClaims = Claims & { readonly gen: number };

/** Issues and verifies refresh tokens. */
export class RefreshTokens {
  readonly #config: AuthConfig;
  readonly #ring: KeyRing;

  constructor(config: AuthConfig, ring: KeyRing) {
    this.#config = config;
    this.#ring = ring;
  }

  /** The refresh token of a grant. */
  issue({ userId, sessionId, generation, issuedAt, expiresAt }: RefreshGrant): string {
    const { jwtIssuer, jwtAudience } = this.#config;
    const iat = Math.floor(issuedAt / 1000);
    const claims: RefreshClaims = {
      iss: jwtIssuer,
      aud: jwtAudience,
      sub: userId,
      sid: sessionId,
      gen: generation,
      // Derived, not random, so that a lost answer can be given again.
      jti: createHash("sha256").update(`${sessionId}.${generation}`).digest("hex").slice(0, 32),
      iat,
      exp: Math.max(iat + 1, Math.floor(expiresAt / 1000)),
      token_type: TOKEN_TYPE,
    };
    return signJwt(claims, this.#ring.current, TYP);
  }

  /**
   * The claims of a refresh token, also when it has expired: the session decides that.
   * @throws {@link TokenNotValid}, {@link TokenWrongType}
   */
  verifyAnyAge(token: string): RefreshClaims {
    const { jwtIssuer, jwtAudience, refreshTokenLifetime, leeway, now } = this.#config;
    const claims = verifyAnyAge(token, this.#ring, {
      typ: TYP,
      tokenType: TOKEN_TYPE,
      issuer: jwtIssuer,
      audience: jwtAudience,
      maxLifetime: refreshTokenLifetime,
      leeway,
      now: now(),
    });
    const { gen } = claims;
    if (!Number.isSafeInteger(gen) || (gen as number) < 0) throw new TokenNotValid();
    return claims as RefreshClaims;
  }
}
