import { randomBytes } from "node:crypto";
import { LRUCache } from "lru-cache";
import type { AuthConfig } from "../config.js";
import type { KeyRing } from "../keys/key-ring.js";
import { type Claims, type Expectation, requireInTime, signJwt, verifyAnyAge } from "./jwt.js";

/** @see RFC 9068 2.1 */
const TYP = "at+jwt";
const TOKEN_TYPE = "access";

/** How many access tokens are remembered as verified. */
const REMEMBERED = 10_000;

/** For whom and how long an access token is issued. */
export interface AccessGrant {
  readonly userId: string;
  readonly sessionId: string;
  /** When the session is over, in epoch milliseconds: no access token outlives it. */
  readonly sessionExpiresAt: number | null;
}

/**
 * Issues and verifies access tokens.
 * A signature is verified once per text of a token and then remembered; time, session and user are still checked
 * at each use, and revocation goes by session, because an ECDSA signature has more than one spelling.
 */
export class AccessTokens {
  readonly #config: AuthConfig;
  readonly #ring: KeyRing;
  readonly #verified = new LRUCache<string, Claims>({ max: REMEMBERED });

  constructor(config: AuthConfig, ring: KeyRing) {
    this.#config = config;
    this.#ring = ring;
  }

  /** A new access token, and its `exp` in epoch milliseconds. */
  issue({ userId, sessionId, sessionExpiresAt }: AccessGrant): {
    access: string;
    expiresAt: number;
  } {
    const { jwtIssuer, jwtAudience, accessTokenLifetime, now } = this.#config;
    const iat = Math.floor(now() / 1000);
    const exp = Math.min(
      iat + accessTokenLifetime,
      Math.max(iat + 1, Math.floor((sessionExpiresAt ?? Infinity) / 1000)),
    );
    const claims: Claims = {
      iss: jwtIssuer,
      aud: jwtAudience,
      sub: userId,
      sid: sessionId,
      jti: randomBytes(16).toString("hex"),
      iat,
      exp,
      token_type: TOKEN_TYPE,
    };
    return { access: signJwt(claims, this.#ring.current, TYP), expiresAt: exp * 1000 };
  }

  /**
   * The claims of an access token. Whether its session lives is not known yet.
   * @throws {@link TokenNotValid}, {@link TokenWrongType}, {@link TokenExpired}
   */
  verify(token: string): Claims {
    const claims = this.verifyAnyAge(token);
    requireInTime(claims, this.#expected());
    return claims;
  }

  /**
   * The claims of an access token, also when it has expired.
   * @throws {@link TokenNotValid}, {@link TokenWrongType}
   */
  verifyAnyAge(token: string): Claims {
    const remembered = this.#verified.get(token);
    if (remembered !== undefined) return remembered;
    const claims = verifyAnyAge(token, this.#ring, this.#expected());
    this.#verified.set(token, claims);
    return claims;
  }

  #expected(): Expectation {
    const { jwtIssuer, jwtAudience, accessTokenLifetime, leeway, now } = this.#config;
    return {
      typ: TYP,
      tokenType: TOKEN_TYPE,
      issuer: jwtIssuer,
      audience: jwtAudience,
      maxLifetime: accessTokenLifetime,
      leeway,
      now: now(),
    };
  }
}
