import { createHash } from "node:crypto";
import type { AuthConfig } from "../config/auth-config.js";
import type { KeyRing } from "../keys/key-ring.js";
import { actorClaim, applicationClaimsOf, type Claims, isCount } from "./claims.js";
import { TokenNotValid } from "./errors.js";
import { TokenKind, type TokenSettings } from "./token-kind.js";

/** The values for issuing a refresh or sliding token. The same values and the same key always give the same token. */
export interface RotationGrant {
  readonly userId: string;
  readonly sessionId: string;
  /** The id of the administrator who acts as the user; null for the user's own sessions. */
  readonly impersonatorId: string | null;
  /** The number of refreshes of the session so far. */
  readonly generation: number;
  /** When the token is issued, in epoch milliseconds. */
  readonly issuedAt: number;
  /** When the token expires, in epoch milliseconds. */
  readonly expiresAt: number;
  /** The session can be refreshed until this instant, in epoch milliseconds. */
  readonly slidesUntil: number;
  /**
   * The claims of the token that the new token replaces. The new token gets a copy of the application's claims.
   * @default none
   */
  readonly predecessor?: Claims | undefined;
}

const KINDS = {
  /** A refresh token can be exchanged for a new access token, and normally also for a new refresh token. */
  refresh: { type: "refresh", typ: "rt+jwt", scheme: "JWT" },
  /**
   * A sliding token is both an access token and a refresh token, as in simplejwt. It can be exchanged for a new sliding
   * token until it expires, but not after the time in its claim `refresh_exp`.
   */
  sliding: { type: "sliding", typ: "st+jwt", scheme: "SLIDING" },
} as const;

/** Refresh or sliding tokens. A refresh normally replaces the session's token with a new one. */
export class RotatingTokens extends TokenKind {
  readonly #isSliding: boolean;

  constructor(
    type: keyof typeof KINDS,
    settings: TokenSettings & Pick<AuthConfig, "refreshTokenLifetime">,
    ring: KeyRing,
  ) {
    super(settings, { ...KINDS[type], lifetime: settings.refreshTokenLifetime, ring });
    this.#isSliding = type === "sliding";
  }

  issue(grant: RotationGrant): string {
    const { userId: sub, sessionId: sid, generation: gen } = grant;
    const iat = Math.floor(grant.issuedAt / 1000);
    const exp = Math.max(iat + 1, Math.floor(grant.expiresAt / 1000));
    // The `jti` is not random, because a retry after a lost response must get the same token again.
    const jti = createHash("sha256").update(`${sid}.${gen}`).digest("hex").slice(0, 32);
    const refreshExp = Math.floor(grant.slidesUntil / 1000);
    const own = { sub, ...actorClaim(grant.impersonatorId), sid, gen, jti, iat, exp };
    const carried = applicationClaimsOf(grant.predecessor ?? {});
    const claims = this.claims(this.#isSliding ? { ...own, refresh_exp: refreshExp } : own);
    return this.sign({ ...carried, ...claims });
  }

  override parse(payload: string): Claims {
    const claims = super.parse(payload);
    const { gen, refresh_exp: refreshExp } = claims;
    if (!isCount(gen) || (this.#isSliding && !isCount(refreshExp))) throw new TokenNotValid();
    return claims;
  }

  override generationOf({ gen }: Claims): number {
    return gen as number;
  }

  override slidesUntil({ refresh_exp: refreshExp }: Claims): number {
    return this.#isSliding ? (refreshExp as number) * 1000 : Infinity;
  }
}
