import type { AuthConfig } from "../config/auth-config.js";
import type { AuthScheme } from "../events.js";
import type { Key, KeyRing } from "../keys/key-ring.js";
import {
  type Claims,
  type ExpectedClaims,
  parseClaims,
  requireInTime,
  requireRoom,
} from "./claims.js";
import { TokenNotValid, UnknownKey } from "./errors.js";
import { signJwt } from "./jwt.js";

const KEY_ID = /^[\w-]{1,64}$/;

/** The values of the claim `token_type`, as in simplejwt. */
export const TOKEN_TYPES = ["access", "refresh", "sliding"] as const;

export type TokenType = (typeof TOKEN_TYPES)[number];

export type TokenSettings = Pick<AuthConfig, "jwtIssuer" | "jwtAudience" | "leeway" | "now">;

export interface TokenKindOptions {
  readonly type: TokenType;
  /** The `typ` header. @see RFC 8725 3.11 */
  readonly typ: string;
  readonly scheme: AuthScheme;
  /** The time from `iat` to `exp`, in seconds. It is shorter if the session expires earlier. */
  readonly lifetime: number;
  /** The longest lifetime to accept, in seconds. @default no limit */
  readonly maxLifetime?: number;
  readonly ring: KeyRing;
}

/** One kind of JWT: access, refresh or sliding tokens. */
export abstract class TokenKind {
  readonly type: TokenType;
  readonly typ: string;
  readonly scheme: AuthScheme;
  readonly lifetime: number;
  protected readonly now: () => number;
  readonly #ring: KeyRing;
  readonly #expected: ExpectedClaims;
  readonly #maxLifetime: number;
  readonly #leeway: number;

  constructor(settings: TokenSettings, options: TokenKindOptions) {
    const { type, typ, scheme, lifetime, maxLifetime = Infinity, ring } = options;
    this.type = type;
    this.typ = typ;
    this.scheme = scheme;
    this.lifetime = lifetime;
    this.now = settings.now;
    this.#ring = ring;
    this.#expected = { iss: settings.jwtIssuer, aud: settings.jwtAudience, token_type: type };
    this.#maxLifetime = maxLifetime;
    this.#leeway = settings.leeway;
  }

  /** Adds `iss`, `aud` and `token_type` to the claims. */
  claims(own: object): object {
    const { iss, aud, token_type } = this.#expected;
    return { iss, aud, ...own, token_type };
  }

  /** @throws RangeError when the application's claims are too long for a token */
  sign(claims: object): string {
    requireRoom(claims);
    return signJwt(claims, this.#ring.current, this.typ);
  }

  /** Returns whether the key exists and is not revoked. */
  hasKey(kid: string): boolean {
    return this.#ring.find(kid) !== undefined;
  }

  /**
   * Returns the key that a token's header names.
   * @throws {@link TokenNotValid} when `kid` is malformed, or the key is not active yet
   * @throws {@link UnknownKey} when the ring has no such key
   */
  requireKey(kid: unknown): Key {
    if (typeof kid !== "string" || !KEY_ID.test(kid)) throw new TokenNotValid();
    const key = this.#ring.find(kid);
    if (key === undefined) throw new UnknownKey();
    // Allow the leeway, because the clock of the server that signed the token may be ahead. Always accept the current
    // key: it signs before `activatesAt` if the clock was set back.
    const isActive = key.activatesAt <= this.now() + this.#leeway * 1000;
    if (!isActive && key !== this.#ring.current) throw new TokenNotValid();
    return key;
  }

  /**
   * Parses the payload of a token whose signature has been verified.
   * @throws {@link TokenNotValid} when the payload or a claim is malformed, or `iss` or `aud` is wrong
   * @throws {@link TokenWrongType} when only `token_type` is wrong
   */
  parse(payload: string): Claims {
    return parseClaims(payload, this.#expected);
  }

  /**
   * Returns the claim `gen`, which counts the refreshes of the session before this token. Returns null for an access
   * token.
   */
  abstract generationOf(claims: Claims): number | null;

  /** Returns the claim `refresh_exp` of a sliding token in epoch milliseconds. Returns Infinity for other tokens. */
  abstract slidesUntil(claims: Claims): number;

  /**
   * Checks the times in the claims.
   * @throws {@link TokenExpired} when the token has expired
   * @throws {@link TokenNotValid} when the token is not valid yet, or has too long a lifetime
   */
  requireInTime(claims: Claims): void {
    requireInTime(claims, {
      maxLifetime: this.#maxLifetime,
      leeway: this.#leeway,
      now: this.now(),
      scheme: this.scheme,
    });
  }
}
