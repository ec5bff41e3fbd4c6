import type { Roles } from "../accounts/role.js";
import type { SigningKeyService } from "../keys/signing-key.service.js";
import { requireLive } from "../sessions/live.js";
import { Principal } from "../sessions/principal.js";
import type { SessionRow } from "../sessions/session-reader.js";
import type { SessionService } from "../sessions/session.service.js";
import { TokenNotValid, TokenWrongType, UnknownKey } from "../tokens/errors.js";
import { isSecretOf } from "../tokens/secret-hash.js";
import { isStaticToken, parseStaticToken, type StaticTokenParts } from "../tokens/static-token.js";
import { TOKEN_TYPES, type TokenType } from "../tokens/token-kind.js";
import type { TokenKinds, TokenSession, VerifiedToken } from "../tokens/token-kinds.js";
import type { Credential } from "./authorization-header.js";

type MaybePromise<Value> = Value | Promise<Value>;

/** The types of JWT that clients send as `Bearer`. */
const BEARER: readonly TokenType[] = ["access", "sliding"];
/** The types of JWT that a refresh accepts. */
const ROTATING: readonly TokenType[] = ["refresh", "sliding"];

/** A token that can be used now. @see RFC 7662 2.2 */
export interface Verification {
  /** The user and the session. */
  readonly principal: Principal;
  /**
   * The scheme of the `Authorization` header for this token. Null for a refresh token, which is never sent in that
   * header.
   */
  readonly tokenType: Credential["scheme"] | null;
  /** When the token expires, in epoch milliseconds; null for never. */
  readonly expiresAt: number | null;
  /** The claims of a JWT; null for a static token. */
  readonly claims: Readonly<Record<string, unknown>> | null;
}

export interface TokenVerifierParts {
  readonly kinds: TokenKinds;
  readonly keys: Pick<SigningKeyService, "reloadAtMostOnceASecond">;
  readonly sessions: Pick<SessionService, "find">;
  readonly now: () => number;
  readonly roles: Roles;
}

/** Parses a static token of another system. Returns null for any other text. */
export type ParseForeignKey = (token: string) => StaticTokenParts | null;

export class TokenVerifier {
  readonly #parts: TokenVerifierParts;
  #parseForeignKey: ParseForeignKey = () => null;

  constructor(parts: TokenVerifierParts) {
    this.#parts = parts;
  }

  acceptForeignKeys(parse: ParseForeignKey): void {
    this.#parseForeignKey = parse;
  }

  /**
   * Returns the session of a request's credential.
   * @throws {@link Unauthenticated} when the token or its session cannot be used
   */
  async authenticate({ scheme, token }: Credential): Promise<SessionRow> {
    if (scheme === "Token") return this.#authenticateStatic(token);
    const verified = this.verifyBearer(token);
    return this.#requireLive(verified instanceof Promise ? await verified : verified);
  }

  /**
   * Verifies a token of any kind and its session.
   * @throws {@link Unauthenticated} when the token or its session cannot be used
   */
  async verify(token: string): Promise<Verification> {
    if (this.#isStatic(token)) {
      const row = await this.#authenticateStatic(token);
      return {
        principal: new Principal(row, this.#parts),
        tokenType: "Token",
        expiresAt: row.expiresAt,
        claims: null,
      };
    }
    const verified = await this.#read(token, TOKEN_TYPES, "verify");
    const { kind, claims } = verified;
    const row = await this.#requireLive(verified);
    const principal = new Principal(row, this.#parts);
    return kind.type === "refresh"
      ? { principal, tokenType: null, expiresAt: row.refreshExpiresAt, claims }
      : { principal, tokenType: "Bearer", expiresAt: claims.exp * 1000, claims };
  }

  /**
   * Verifies an access or sliding token, but not its session. Returns a promise only if the signing keys must be read.
   * @throws {@link TokenNotValid}, {@link TokenWrongType}, {@link TokenExpired}
   */
  verifyBearer(token: string): MaybePromise<VerifiedToken> {
    return this.#read(token, BEARER, "verify");
  }

  /**
   * Returns when an accepted credential expires, in epoch milliseconds. Null for a static token, which expires with its
   * session.
   */
  expiryOf({ scheme, token }: Credential): number | null {
    if (scheme === "Token") return null;
    try {
      return this.#parts.kinds.verifyAnyAge(token, BEARER).claims.exp * 1000;
    } catch {
      // The token's key was revoked a moment ago, so the token is no longer valid.
      return 0;
    }
  }

  /**
   * Verifies a refresh or sliding token, but not its session or expiry. If a token of another system has no session
   * yet, opens one.
   * @throws {@link TokenNotValid}, {@link TokenWrongType}
   */
  async verifyRotating(
    token: string,
    accepted: readonly TokenType[] = ROTATING,
  ): Promise<VerifiedToken> {
    const verified = this.#parts.kinds.verifyAnyAge(token, accepted);
    await verified.kind.adopt?.(verified);
    return verified;
  }

  /**
   * Returns the session of a token, or null for an unknown static token. The token may have expired, and the session
   * may be over.
   * @throws {@link TokenNotValid}, {@link TokenWrongType}
   */
  async findSession(token: string): Promise<TokenSession | null> {
    if (this.#isStatic(token)) return toTokenSession(await this.#findStatic(token));
    return this.#findSession(await this.#read(token, TOKEN_TYPES, "verifyAnyAge"));
  }

  async findSessionOf({ scheme, token }: Credential): Promise<TokenSession | null> {
    if (scheme === "Token") return toTokenSession(await this.#findStatic(token));
    return this.#findSession(await this.#read(token, BEARER, "verifyAnyAge"));
  }

  async #requireLive(verified: VerifiedToken): Promise<SessionRow> {
    const row = await this.#findRow(verified);
    return requireLive(row, verified.session, this.#parts.now(), this.#parts.roles);
  }

  async #findSession(verified: VerifiedToken): Promise<TokenSession> {
    await this.#findRow(verified);
    return verified.session;
  }

  /**
   * Reads the session of a token. Checks the token's key again afterwards, because the read may have reloaded the
   * signing keys. If a token of another system has no session yet, opens one.
   * @throws {@link TokenNotValid} when the token's key was revoked
   */
  async #findRow(verified: VerifiedToken): Promise<SessionRow | null> {
    const { kind, kid, session } = verified;
    const { sessions } = this.#parts;
    const row = await sessions.find(session.id);
    if (!kind.hasKey(kid)) throw new TokenNotValid();
    if (row !== null || kind.adopt === undefined) return row;
    await kind.adopt(verified);
    return sessions.find(session.id);
  }

  /**
   * Verifies a token. If its key is unknown, reloads the keys first, because another instance may have just created the
   * key.
   */
  #read(
    token: string,
    accepted: readonly TokenType[],
    verify: "verify" | "verifyAnyAge",
  ): MaybePromise<VerifiedToken> {
    if (this.#isStatic(token)) throw new TokenWrongType();
    const { kinds, keys } = this.#parts;
    try {
      return kinds[verify](token, accepted);
    } catch (error) {
      if (!(error instanceof UnknownKey)) throw error;
      return keys.reloadAtMostOnceASecond().then(() => kinds[verify](token, accepted));
    }
  }

  #isStatic(token: string): boolean {
    return isStaticToken(token) || this.#parseForeignKey(token) !== null;
  }

  async #authenticateStatic(token: string): Promise<SessionRow> {
    const row = await this.#findStatic(token);
    const session = toTokenSession(row);
    // A static token does not name its user. So the token of a deleted user looks like an unknown token.
    if (session === null) throw new TokenNotValid();
    return requireLive(row, session, this.#parts.now(), this.#parts.roles);
  }

  async #findStatic(token: string): Promise<SessionRow | null> {
    const parts = parseStaticToken(token) ?? this.#parseForeignKey(token);
    if (parts === null) throw new TokenNotValid();
    const row = await this.#parts.sessions.find(parts.sessionId);
    return row !== null && isSecretOf(row.secretHash, parts.secret) ? row : null;
  }
}

function toTokenSession(row: SessionRow | null): TokenSession | null {
  if (row === null) return null;
  const { id, userId, impersonatorId } = row;
  return { id, userId, scheme: "TOKEN", generation: null, impersonatorId };
}
