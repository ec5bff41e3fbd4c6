import { LRUCache } from "lru-cache";
import type { AuthConfig } from "../config/auth-config.js";
import type { AuthScheme } from "../events.js";
import type { KeyRing } from "../keys/key-ring.js";
import { AccessTokens } from "./access-token.js";
import { type Claims, impersonatorOf } from "./claims.js";
import { TokenWrongType } from "./errors.js";
import { parseJwt, type UnverifiedJwt, verifySignature } from "./jwt.js";
import { RotatingTokens } from "./rotating-token.js";
import type { TokenKind, TokenSettings, TokenType } from "./token-kind.js";

/** How many verified tokens are kept in memory at most. */
const REMEMBERED = 20_000;

export type TokenKindsSettings = TokenSettings &
  Pick<AuthConfig, "accessTokenLifetime" | "refreshTokenLifetime" | "jwtClientId">;

/** The session that a token names. */
export interface TokenSession {
  readonly id: string;
  readonly userId: string;
  readonly scheme: AuthScheme;
  /** How often the session had been refreshed when a refresh or sliding token was issued. Null for an access token. */
  readonly generation: number | null;
  /** The id of the administrator who acts as the user; null for the user's own sessions. */
  readonly impersonatorId: string | null;
}

export interface VerifiedKind extends Pick<
  TokenKind,
  "type" | "hasKey" | "requireInTime" | "slidesUntil"
> {
  /**
   * Opens a session for a token of another system if it has none yet. Undefined for the tokens of Gatehouse, which
   * have a session from the start.
   */
  readonly adopt?: (token: VerifiedToken) => Promise<void>;
}

/** A token whose signature and claims are right. The token may have expired, and its session may have ended. */
export interface VerifiedToken {
  readonly kind: VerifiedKind;
  /** The id of the key that signed the token. Empty for a token of another system. */
  readonly kid: string;
  readonly claims: Claims;
  readonly session: TokenSession;
}

/** Reads the JWTs of another system. */
export interface ForeignTokens {
  /** The `typ` header of these tokens, which no token of Gatehouse has. */
  readonly typ: string;
  /**
   * Verifies a token, even if it has expired or is not valid yet.
   * @throws {@link TokenNotValid}
   */
  verify(jwt: UnverifiedJwt): VerifiedToken;
}

/**
 * All kinds of JWT, which differ in their `typ` header. Verified access and sliding tokens are kept in memory, so that
 * their signatures need not be checked at each request.
 */
export class TokenKinds {
  readonly access: AccessTokens;
  readonly refresh: RotatingTokens;
  readonly sliding: RotatingTokens;
  readonly #byTyp: ReadonlyMap<unknown, TokenKind>;
  #foreign: ForeignTokens | undefined;
  readonly #verified = new LRUCache<string, VerifiedToken>({ max: REMEMBERED });

  /**
   * @param accessRing the keys that sign access tokens
   * @param refreshRing the keys that sign refresh and sliding tokens
   */
  constructor(settings: TokenKindsSettings, accessRing: KeyRing, refreshRing: KeyRing) {
    this.access = new AccessTokens(settings, accessRing);
    this.refresh = new RotatingTokens("refresh", settings, refreshRing);
    this.sliding = new RotatingTokens("sliding", settings, refreshRing);
    const all = [this.access, this.refresh, this.sliding];
    this.#byTyp = new Map(all.map((kind) => [kind.typ, kind]));
  }

  acceptForeign(tokens: ForeignTokens): void {
    this.#foreign = tokens;
  }

  /**
   * Verifies a token and its times.
   * @param accepted the types that the caller accepts
   * @throws {@link TokenExpired}, and the errors of {@link TokenKinds.verifyAnyAge}
   */
  verify(token: string, accepted: readonly TokenType[]): VerifiedToken {
    const verified = this.verifyAnyAge(token, accepted);
    verified.kind.requireInTime(verified.claims);
    return verified;
  }

  /**
   * Verifies a token, even if it has expired or is not valid yet.
   * @param accepted the types that the caller accepts
   * @throws {@link TokenNotValid}, {@link UnknownKey}, {@link TokenWrongType}
   * @see RFC 8725
   */
  verifyAnyAge(token: string, accepted: readonly TokenType[]): VerifiedToken {
    const remembered = this.#verified.get(token);
    if (remembered?.kind.hasKey(remembered.kid)) {
      if (!accepted.includes(remembered.kind.type)) throw new TokenWrongType();
      return remembered;
    }
    const jwt = parseJwt(token);
    const foreign = this.#foreign;
    const isForeign = foreign !== undefined && jwt.header["typ"] === foreign.typ;
    const verified = isForeign ? foreign.verify(jwt) : this.#verifyOwn(jwt, accepted);
    const { type } = verified.kind;
    if (!accepted.includes(type)) throw new TokenWrongType();
    // Do not remember a refresh token, because most refresh tokens are used only once.
    if (type !== "refresh") this.#verified.set(token, verified);
    return verified;
  }

  #verifyOwn(jwt: UnverifiedJwt, accepted: readonly TokenType[]): VerifiedToken {
    const kind = this.#byTyp.get(jwt.header["typ"]);
    if (kind === undefined || !accepted.includes(kind.type)) throw new TokenWrongType();
    const key = kind.requireKey(jwt.header["kid"]);
    verifySignature(jwt, key);
    const claims = kind.parse(jwt.payload);
    const { sid: id, sub: userId } = claims;
    const session = {
      ...{ id, userId, scheme: kind.scheme, generation: kind.generationOf(claims) },
      impersonatorId: impersonatorOf(claims),
    };
    return { kind, kid: key.kid, claims, session };
  }
}
