import { createHash } from "node:crypto";
import type { AuthConfig } from "../config/auth-config.js";
import { TokenNotValid } from "../errors.js";
import type { KeyRing } from "../keys/key-ring.js";
import type { Claims } from "./jwt.js";
import { TokenKind } from "./token-kind.js";

/** One generation of a session's token. The same grant always makes the same token, byte for byte. */
export interface RotationGrant {
  readonly userId: string;
  readonly sessionId: string;
  /** How often the session was refreshed before. */
  readonly generation: number;
  /** When the generation began, in epoch milliseconds. */
  readonly issuedAt: number;
  /** When the token expires, in epoch milliseconds. */
  readonly expiresAt: number;
  /** When the session is over, in epoch milliseconds. */
  readonly sessionExpiresAt: number;
}

/** The claims of a token that is replaced at each refresh. */
export type RotatingClaims = Claims & {
  /** The generation. */
  readonly gen: number;
};

/** Tokens of which a session has one at a time, each replaced by the next: refresh tokens and sliding tokens. */
export class RotatingTokens extends TokenKind {
  readonly #hasRefreshExp: boolean;

  private constructor(
    config: AuthConfig,
    ring: KeyRing,
    kind: { typ: string; tokenType: string; hasRefreshExp: boolean },
  ) {
    super(config, { ...kind, lifetime: config.refreshTokenLifetime, ring });
    this.#hasRefreshExp = kind.hasRefreshExp;
  }

  /** Refresh tokens: good for nothing but the next pair. */
  static refresh(config: AuthConfig, ring: KeyRing): RotatingTokens {
    return new this(config, ring, { typ: "rt+jwt", tokenType: "refresh", hasRefreshExp: false });
  }

  /** Sliding tokens: access and refresh in one. `refresh_exp` says until when they can slide, as in simplejwt. */
  static sliding(config: AuthConfig, ring: KeyRing): RotatingTokens {
    return new this(config, ring, { typ: "st+jwt", tokenType: "sliding", hasRefreshExp: true });
  }

  /** The token of a grant. */
  issue(grant: RotationGrant): string {
    const { userId: sub, sessionId: sid, generation: gen } = grant;
    const iat = Math.floor(grant.issuedAt / 1000);
    const exp = Math.max(iat + 1, Math.floor(grant.expiresAt / 1000));
    // Derived, not random, so that a lost answer can be given again.
    const jti = createHash("sha256").update(`${sid}.${gen}`).digest("hex").slice(0, 32);
    const refreshExp = Math.max(iat + 1, Math.floor(grant.sessionExpiresAt / 1000));
    const own = { sub, sid, gen, jti, iat, exp };
    return this.sign(this.claims(this.#hasRefreshExp ? { ...own, refresh_exp: refreshExp } : own));
  }

  override verify(token: string): RotatingClaims {
    return this.#requireGeneration(super.verify(token));
  }

  override verifyAnyAge(token: string): RotatingClaims {
    return this.#requireGeneration(super.verifyAnyAge(token));
  }

  #requireGeneration(claims: Claims): RotatingClaims {
    const { gen, refresh_exp: refreshExp } = claims;
    const isWhole = isCount(gen) && (!this.#hasRefreshExp || isCount(refreshExp));
    if (!isWhole) throw new TokenNotValid();
    return claims as RotatingClaims;
  }
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
