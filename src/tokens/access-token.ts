import { newId } from "../accounts/id.js";
import type { AuthConfig } from "../config/auth-config.js";
import type { KeyRing } from "../keys/key-ring.js";
import { actorClaim, type ApplicationClaims } from "./claims.js";
import { TokenKind, type TokenSettings } from "./token-kind.js";

export interface AccessGrant {
  readonly userId: string;
  readonly sessionId: string;
  /** When the session expires, in epoch milliseconds; null for never. The access token normally expires no later. */
  readonly sessionExpiresAt: number | null;
  /** The id of the administrator who acts as the user; null for the user's own sessions. */
  readonly impersonatorId: string | null;
  /** How the user proved who they are, as values of the claim `amr`. @default none */
  readonly methods?: readonly string[];
  /** When the user last proved who they are, in epoch milliseconds; null for never. @default null */
  readonly authenticatedAt?: number | null;
  /** The application's claims. They cannot replace a claim of Gatehouse. @default none */
  readonly claims?: ApplicationClaims;
}

/** @see RFC 9068 2.2.1 */
function proofClaims({ methods = [], authenticatedAt = null }: AccessGrant): object {
  return {
    ...(methods.length > 0 && { amr: methods }),
    ...(authenticatedAt !== null && { auth_time: Math.floor(authenticatedAt / 1000) }),
  };
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
    const { userId: sub, sessionId: sid, impersonatorId } = grant;
    const own = {
      ...{ sub, ...actorClaim(impersonatorId), sid, jti: newId(), iat, exp },
      ...proofClaims(grant),
    };
    const claims = { ...grant.claims, ...this.claims(own) };
    return { access: this.sign(claims), expiresAt: exp * 1000 };
  }
}
