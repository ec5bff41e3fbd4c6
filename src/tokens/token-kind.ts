import { LRUCache } from "lru-cache";
import type { AuthConfig } from "../config/auth-config.js";
import type { KeyRing } from "../keys/key-ring.js";
import { type Claims, type Expectation, requireInTime, signJwt, verifyAnyAge } from "./jwt.js";

/** How many tokens of a kind are remembered as verified. */
const REMEMBERED = 10_000;

/** What tells one kind of JWT from another. */
export interface TokenKindOptions {
  /** The `typ` header. @see RFC 8725 3.11 */
  readonly typ: string;
  /** The claim `token_type`, as in simplejwt. */
  readonly tokenType: string;
  /** In seconds: from `iat` to `exp`, unless the session ends before. */
  readonly lifetime: number;
  /** The longest lifetime to accept, in seconds, where that is not for the session to say. */
  readonly maxLifetime?: number;
  /** The keys that sign this kind, and no other. */
  readonly ring: KeyRing;
}

/**
 * One kind of JWT. A signature is verified once per text of a token and then remembered; its key, its time, its session
 * and its user are still checked at each use, and revocation goes by session, because an ECDSA signature has more than
 * one spelling.
 */
export class TokenKind {
  readonly lifetime: number;
  readonly tokenType: string;
  readonly #typ: string;
  readonly #ring: KeyRing;
  readonly #maxLifetime: number;
  readonly #config: AuthConfig;
  readonly #verified = new LRUCache<string, { claims: Claims; kid: string }>({ max: REMEMBERED });

  constructor(config: AuthConfig, options: TokenKindOptions) {
    const { typ, tokenType, lifetime, maxLifetime = Infinity, ring } = options;
    this.lifetime = lifetime;
    this.tokenType = tokenType;
    this.#maxLifetime = maxLifetime;
    this.#typ = typ;
    this.#ring = ring;
    this.#config = config;
  }

  /** The claims that each token of this kind has, for the caller to add what is its own. Instants are epoch seconds. */
  claims<Own extends object>(own: Own): Own & Pick<Claims, "iss" | "aud" | "token_type"> {
    const { jwtIssuer, jwtAudience } = this.#config;
    return { iss: jwtIssuer, aud: jwtAudience, ...own, token_type: this.tokenType };
  }

  /** Signs `claims` as they are. */
  sign(claims: Claims): string {
    return signJwt(claims, this.#ring.current, this.#typ);
  }

  /**
   * The claims of a token of this kind, in time. Whether its session lives is not known yet.
   * @throws {@link TokenNotValid}, {@link TokenWrongType}, {@link TokenExpired}
   */
  verify(token: string): Claims {
    const claims = this.verifyAnyAge(token);
    this.requireInTime(claims);
    return claims;
  }

  /**
   * Refuses claims that are past their `exp`, or not yet valid.
   * @throws {@link TokenExpired}, {@link TokenNotValid}
   */
  requireInTime(claims: Claims): void {
    const { leeway, now } = this.#config;
    requireInTime(claims, { maxLifetime: this.#maxLifetime, leeway, now: now() });
  }

  /**
   * The claims of a token of this kind, also when it has expired.
   * @throws {@link TokenNotValid}, {@link TokenWrongType}
   */
  verifyAnyAge(token: string): Claims {
    const remembered = this.#verified.get(token);
    if (remembered !== undefined && this.#ring.find(remembered.kid)) return remembered.claims;
    const verified = verifyAnyAge(token, this.#ring, this.#expected());
    this.#verified.set(token, verified);
    return verified.claims;
  }

  #expected(): Expectation {
    const { jwtIssuer: issuer, jwtAudience: audience } = this.#config;
    return { typ: this.#typ, tokenType: this.tokenType, issuer, audience };
  }
}
