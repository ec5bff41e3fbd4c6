import { newId } from "../accounts/id.js";
import type { AuthConfig } from "../config/auth-config.js";
import type { KeyRing } from "../keys/key-ring.js";
import type { ApplicationClaims } from "./claims.js";
import { TokenKind, type TokenSettings } from "./token-kind.js";

export interface AccessGrant {
  readonly userId: string;
  readonly sessionId: string;
  /** Epoch milliseconds; null if the session does not expire. An access token does not outlive its session. */
  readonly sessionExpiresAt: number | null;
  /** The application's claims. They cannot replace a claim of Gatehouse. @default none */
  readonly claims?: ApplicationClaims;
}

/** Access tokens. @see RFC 9068 */
export class AccessTokens extends TokenKind {
  readonly #clientId: string;

  constructor(
    settings: TokenSettings & Pick<AuthConfig, "accessTokenLifetime" | "jwtClientId">,
    ring: KeyRing,
  ) {
    const { accessTokenLifetime: lifetime } = settings;
    const options = { type: "access", typ: "at+jwt", scheme: "JWT" } as const;
    super(settings, { ...options, lifetime, maxLifetime: lifetime, ring });
    this.#clientId = settings.jwtClientId;
  }

  override claims(own: object): object {
    return super.claims({ client_id: this.#clientId, ...own });
  }

  override generationOf(): null {
    return null;
  }

  override slidesUntil(): number {
    return Infinity;
  }

  /** @returns the token, and its expiry in epoch milliseconds */
  issue(grant: AccessGrant): { access: string; expiresAt: number } {
    const iat = Math.floor(this.now() / 1000);
    const sessionEnd = Math.floor((grant.sessionExpiresAt ?? Infinity) / 1000);
    const exp = Math.min(iat + this.lifetime, Math.max(iat + 1, sessionEnd));
    const own = { sub: grant.userId, sid: grant.sessionId, jti: newId(), iat, exp };
    const claims = { ...grant.claims, ...this.claims(own) };
    return { access: this.sign(claims), expiresAt: exp * 1000 };
  }
}
