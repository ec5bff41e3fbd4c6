import type { Roles } from "../accounts/role.js";
import { TokenNotValid, TokenWrongType, UnknownKey } from "../errors.js";
import type { SigningKeyService } from "../keys/signing-key.service.js";
import { requireLive } from "../sessions/live.js";
import { Principal } from "../sessions/principal.js";
import type { SessionRow } from "../sessions/session-reader.js";
import type { SessionService } from "../sessions/session.service.js";
import { isSecretOf, isStaticToken, parseStaticToken } from "../tokens/static-token.js";
import { TOKEN_TYPES, type TokenType } from "../tokens/token-kind.js";
import type { TokenKinds, TokenSession, VerifiedToken } from "../tokens/token-kinds.js";
import type { Credential } from "./authorization-header.js";

/** A value, or a promise of the value if it is not available at once. */
type MaybePromise<Value> = Value | Promise<Value>;

/** The types of JWT that are sent as `Bearer`. */
const BEARER: readonly TokenType[] = ["access", "sliding"];
/** The types of JWT that a refresh accepts. */
const ROTATING: readonly TokenType[] = ["refresh", "sliding"];

/** The facts about a token that can be used now. @see RFC 7662 2.2 */
export interface Verification {
  /** The user and the session. */
  readonly principal: Principal;
  /** The scheme before the token in the `Authorization` header. Null for a refresh token, which no header carries. */
  readonly tokenType: Credential["scheme"] | null;
  /** When the token expires, in epoch milliseconds. Null means that the token does not expire. */
  readonly expiresAt: number | null;
}

/** The services that {@link TokenVerifier} uses. */
export interface TokenVerifierParts {
  readonly kinds: TokenKinds;
  readonly keys: Pick<SigningKeyService, "reloadAtMostOnceASecond">;
  readonly sessions: Pick<SessionService, "find">;
  readonly now: () => number;
  readonly roles: Roles;
}

/** Verifies tokens, and finds their sessions. */
export class TokenVerifier {
  readonly #parts: TokenVerifierParts;

  constructor(parts: TokenVerifierParts) {
    this.#parts = parts;
  }

  /**
   * Returns the live session of a request's credential. Costs one query, or no query if the text of the token already
   * shows that the token is not valid. A further query may reload the signing keys, if the token's key is unknown or
   * another process has changed the keys.
   * @throws {@link Unauthenticated} with the reason
   */
  async authenticate({ scheme, token }: Credential): Promise<SessionRow> {
    if (scheme === "Token") return this.#authenticateStatic(token);
    const verified = this.verifyBearer(token);
    return this.#requireLive(verified instanceof Promise ? await verified : verified);
  }

  /**
   * Verifies a token of any kind, and checks that its session is live.
   * @throws {@link Unauthenticated} when the token cannot be used
   */
  async verify(token: string): Promise<Verification> {
    if (isStaticToken(token)) {
      const row = await this.#authenticateStatic(token);
      return {
        principal: new Principal(row, this.#parts),
        tokenType: "Token",
        expiresAt: row.expiresAt,
      };
    }
    const verified = await this.#read(token, TOKEN_TYPES, "verify");
    const { kind, claims } = verified;
    const row = await this.#requireLive(verified);
    const principal = new Principal(row, this.#parts);
    return kind.type === "refresh"
      ? { principal, tokenType: null, expiresAt: row.refreshExpiresAt }
      : { principal, tokenType: "Bearer", expiresAt: claims.exp * 1000 };
  }

  /**
   * Verifies an access or sliding token without looking its session up. Returns a promise only if this instance does
   * not know the token's key, and therefore reads the keys again.
   * @throws {@link TokenNotValid}, {@link TokenWrongType}, {@link TokenExpired}
   */
  verifyBearer(token: string): MaybePromise<VerifiedToken> {
    return this.#read(token, BEARER, "verify");
  }

  /**
   * Verifies a refresh or sliding token without looking its session up. Accepts an expired token, because a logout may
   * use an expired token. For a refresh, {@link SessionRotator.rotate} checks the expiry afterwards.
   * @throws {@link TokenNotValid}, {@link TokenWrongType}
   */
  verifyRotating(token: string): VerifiedToken {
    return this.#parts.kinds.verifyAnyAge(token, ROTATING);
  }

  /**
   * Returns the session that a token of any kind names, even if the token has expired or the session is over. Returns
   * null for a static token that no session has.
   * @throws {@link TokenNotValid}, {@link TokenWrongType}
   */
  async findSession(token: string): Promise<TokenSession | null> {
    if (isStaticToken(token)) return toTokenSession(await this.#findStatic(token));
    return this.#findSession(await this.#read(token, TOKEN_TYPES, "verifyAnyAge"));
  }

  /** The same as {@link TokenVerifier.findSession}, but the token must fit the header scheme that it was sent with. */
  async findSessionOf({ scheme, token }: Credential): Promise<TokenSession | null> {
    if (scheme === "Token") return toTokenSession(await this.#findStatic(token));
    return this.#findSession(await this.#read(token, BEARER, "verifyAnyAge"));
  }

  async #requireLive(verified: VerifiedToken): Promise<SessionRow> {
    const row = await this.#findRow(verified);
    return requireLive(row, verified.session, this.#parts.now());
  }

  async #findSession(verified: VerifiedToken): Promise<TokenSession> {
    await this.#findRow(verified);
    return verified.session;
  }

  /**
   * Reads the session of a token. A look-up that finds a session also reloads the signing keys if they have changed.
   * In this case, `kind` has no revoked key afterwards.
   * @throws {@link TokenNotValid} when the token's key was revoked or deleted
   */
  async #findRow({ kind, kid, session }: VerifiedToken): Promise<SessionRow | null> {
    const row = await this.#parts.sessions.find(session.id);
    if (!kind.hasKey(kid)) throw new TokenNotValid();
    return row;
  }

  /** Verifies a JWT. If its key is unknown, reloads the keys: another instance may have just created the key. */
  #read(
    token: string,
    accepted: readonly TokenType[],
    verify: "verify" | "verifyAnyAge",
  ): MaybePromise<VerifiedToken> {
    if (isStaticToken(token)) throw new TokenWrongType();
    const { kinds, keys } = this.#parts;
    try {
      return kinds[verify](token, accepted);
    } catch (error) {
      if (!(error instanceof UnknownKey)) throw error;
      return keys.reloadAtMostOnceASecond().then((isReloaded) => {
        if (!isReloaded) throw error;
        return kinds[verify](token, accepted);
      });
    }
  }

  async #authenticateStatic(token: string): Promise<SessionRow> {
    const row = await this.#findStatic(token);
    const session = toTokenSession(row);
    // The error cannot be UserNotFound. A static token does not name its user, so the token of a deleted user looks
    // like any unknown token.
    if (session === null) throw new TokenNotValid();
    return requireLive(row, session, this.#parts.now());
  }

  async #findStatic(token: string): Promise<SessionRow | null> {
    const parts = parseStaticToken(token);
    if (parts === null) throw new TokenNotValid();
    const row = await this.#parts.sessions.find(parts.sessionId);
    return row !== null && isSecretOf(row.secretHash, parts.secret) ? row : null;
  }
}

function toTokenSession(row: SessionRow | null): TokenSession | null {
  return row && { id: row.id, userId: row.userId, scheme: "TOKEN", generation: null };
}
