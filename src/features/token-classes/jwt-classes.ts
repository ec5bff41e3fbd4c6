import { randomBytes } from "node:crypto";
import {
  BadUserInput,
  TokenExpired,
  TokenNotValid,
  TokenRevoked,
  TokenWrongType,
} from "../../errors.js";
import { type AuthScheme, NO_CLIENT } from "../../events.js";
import { findRefusal } from "../../sessions/principal.js";
import { type Claims, decodePayload } from "../../tokens/jwt.js";
import type { TokenKind } from "../../tokens/token-kind.js";
import type { TokenBackend } from "./token-backend.js";
import type { TokenKinds } from "../../authentication/token-issuer.js";

/**
 * A JWT as simplejwt's users know it: a map of claims that can be read, changed and signed.
 * Made from a text it is verified, but for its session, for which {@link Token.checkBlacklist} asks the database.
 * @throws {@link TokenNotValid}, {@link TokenWrongType}, {@link TokenExpired} when made from a text that is not good
 * @see https://django-rest-framework-simplejwt.readthedocs.io/en/latest/creating_tokens_manually.html
 */
export class Token {
  /** The configuration, shared by the classes that {@link createJwtClasses} made together. */
  static readonly backend: TokenBackend | undefined;
  /** Which kind of token the class makes. */
  static readonly kind: keyof TokenKinds | undefined;
  /** The scheme of the sessions that {@link Token.forUser} opens. */
  static readonly scheme: AuthScheme = "JWT";

  /** The claims. Instants are epoch seconds. */
  readonly payload: Record<string, unknown>;
  /** When the token was made or read, in epoch milliseconds: lifetimes count from here. */
  readonly currentTime: number;

  /**
   * @param token a text to read; none makes a new token, which belongs to nobody yet
   * @param options `verify: false` reads a text without any check, for debugging only
   */
  constructor(token?: string | null, { verify = true }: { verify?: boolean } = {}) {
    this.currentTime = this.backend.config.now();
    if (token == null) {
      this.payload = toMap(this.tokenKind.claims({}));
      this.setIat();
      this.setExp();
      this.setJti();
    } else {
      this.payload = toMap(verify ? this.read(token) : decodePayload(token));
    }
  }

  /** Opens a session for a user, and gives its token. @throws {@link BadUserInput} for an unknown or inactive user */
  static async forUser<This extends typeof Token>(
    this: This,
    user: { id: string },
  ): Promise<InstanceType<This>> {
    const token = new this();
    token.set("sub", user.id);
    await token.outstand();
    return token as InstanceType<This>;
  }

  protected get backend(): TokenBackend {
    const { backend } = this.constructor as typeof Token;
    if (backend === undefined) throw new TypeError("Use the token classes of createAuth().");
    return backend;
  }

  protected get tokenKind(): TokenKind {
    const { kind } = this.constructor as typeof Token;
    if (kind === undefined) throw new TypeError("Cannot create token with no type or lifetime.");
    return this.backend.kinds[kind];
  }

  protected read(token: string): Claims {
    return this.tokenKind.verify(token);
  }

  /** The value of a claim, or `fallback` where there is none. */
  get(claim: string, fallback?: unknown): unknown {
    return this.has(claim) ? this.payload[claim] : fallback;
  }

  set(claim: string, value: unknown): this {
    this.payload[claim] = value;
    return this;
  }

  has(claim: string): boolean {
    return Object.hasOwn(this.payload, claim);
  }

  delete(claim: string): boolean {
    return this.has(claim) && Reflect.deleteProperty(this.payload, claim);
  }

  /** Gives the token a new `jti`: 128 random bits in hex. */
  setJti(): this {
    return this.set("jti", randomBytes(16).toString("hex"));
  }

  /** Sets when the token was issued. @param options `at` is epoch milliseconds, @default currentTime */
  setIat({ claim = "iat", at = this.currentTime }: { claim?: string; at?: number } = {}): this {
    return this.set(claim, Math.floor(at / 1000));
  }

  /**
   * Sets when the token expires. A verifier refuses a token that lives longer than the configuration allows.
   * @param options `from` is epoch milliseconds, @default currentTime; `lifetime` is seconds, @default that of the class
   */
  setExp({
    claim = "exp",
    from = this.currentTime,
    lifetime = this.tokenKind.lifetime,
  }: { claim?: string; from?: number; lifetime?: number } = {}): this {
    return this.set(claim, Math.floor(from / 1000) + lifetime);
  }

  /**
   * Refuses a token that has expired.
   * @param options `at` is epoch milliseconds, @default currentTime
   * @throws {@link TokenExpired}; {@link TokenNotValid} where the claim is missing or no instant
   */
  checkExp({ claim = "exp", at = this.currentTime }: { claim?: string; at?: number } = {}): void {
    const exp = this.get(claim);
    if (!Number.isSafeInteger(exp)) throw new TokenNotValid();
    if (Math.floor(at / 1000) >= (exp as number) + this.backend.config.leeway) {
      throw new TokenExpired();
    }
  }

  /** Checks the token as it is now, changes included. @throws as the constructor does */
  verify(): void {
    this.read(this.toString());
  }

  /**
   * Asks the database whether the token's session lives, and whether this is its last token.
   * @throws {@link TokenRevoked} and the other refusals of a session
   */
  async checkBlacklist(): Promise<void> {
    const row = await this.backend.sessions.find(this.#text("sid"));
    if (row === null) throw new TokenRevoked();
    const refusal = findRefusal(row, this.backend.config.now());
    if (refusal !== null) throw refusal;
    if (this.has("gen") && this.get("gen") !== row.generation) throw new TokenRevoked();
  }

  /** Ends the token's session, and with it all of its tokens. @returns whether it lived until now */
  async blacklist(): Promise<boolean> {
    await this.outstand();
    return this.backend.sessions.end(this.#text("sid"), this.#text("sub"), "logout");
  }

  /**
   * Makes sure that the token has a session, which is what is listed and revoked.
   * @throws {@link BadUserInput} when its `sub` is no active user
   */
  async outstand(): Promise<void> {
    if (this.has("sid")) return;
    const { accounts, sessions } = this.backend;
    const { scheme } = this.constructor as typeof Token;
    const account = await accounts.findAccountById(this.#text("sub"));
    const id = randomBytes(16).toString("hex");
    const row =
      account &&
      (await sessions.open(account, {
        id,
        scheme,
        label: null,
        secretHash: null,
        client: NO_CLIENT,
      }));
    if (row === null) throw new BadUserInput("There is no such user, or the user is inactive.");
    this.set("sid", id);
  }

  /** The signed token. */
  toString(): string {
    return this.tokenKind.sign(this.payload as Claims);
  }

  /** What a log shows: never the token itself. */
  toJSON(): Record<string, unknown> {
    return { ...this.payload };
  }

  #text(claim: string): string {
    const value = this.get(claim);
    if (typeof value !== "string") throw new TokenNotValid();
    return value;
  }
}

/**
 * A short-lived token for `Authorization: Bearer`.
 * @example
 * const access = await auth.tokens.AccessToken.forUser(user);
 * fetch(url, { headers: { authorization: `Bearer ${access}` } });
 */
export class AccessToken extends Token {
  static override readonly kind: keyof TokenKinds = "access";
}

/** A copy without a prototype, so that every claim is only a claim. */
function toMap(claims: object): Record<string, unknown> {
  return Object.assign(Object.create(null) as Record<string, unknown>, claims);
}

/** A token of which a session has one at a time. */
abstract class RotatingToken extends Token {
  override async outstand(): Promise<void> {
    await super.outstand();
    if (!this.has("gen")) this.set("gen", 0);
  }
}

/**
 * A token that is good for one use: the next pair.
 * @example
 * const refresh = await auth.tokens.RefreshToken.forUser(user);
 * const pair = { refresh: String(refresh), access: String(refresh.accessToken) };
 * await new auth.tokens.RefreshToken(text).blacklist();
 */
export class RefreshToken extends RotatingToken {
  static override readonly kind: keyof TokenKinds = "refresh";
  static readonly noCopyClaims = ["token_type", "exp", "iat", "jti", "gen"];

  /** An access token of the same session, with the same claims of the application, whose lifetime counts from when this token was read. */
  get accessToken(): AccessToken {
    const access = new (boundAccessTokens.get(this.backend) ?? AccessToken)();
    const { noCopyClaims } = RefreshToken;
    for (const [claim, value] of Object.entries(this.payload)) {
      if (!noCopyClaims.includes(claim)) access.set(claim, value);
    }
    access.setIat({ at: this.currentTime }).setExp({ from: this.currentTime });
    // None outlives the refresh token: its session may be gone by then.
    return access.set("exp", Math.min(Number(access.get("exp")), Number(this.get("exp"))));
  }
}

/**
 * A token that is access and refresh in one. `refresh_exp` says until when it can slide.
 * @example
 * const sliding = await auth.tokens.SlidingToken.forUser(user);
 * sliding.get("refresh_exp");
 */
export class SlidingToken extends RotatingToken {
  static override readonly kind: keyof TokenKinds = "sliding";
  static override readonly scheme = "SLIDING";

  constructor(token?: string | null, options?: { verify?: boolean }) {
    super(token, options);
    if (token == null) {
      this.setExp({ claim: "refresh_exp", lifetime: this.backend.config.sessionLifetime });
    }
  }
}

/**
 * Any of our JWTs, of whatever type.
 * @example
 * new auth.tokens.UntypedToken(text).get("token_type"); // "refresh"
 */
export class UntypedToken extends Token {
  constructor(token?: string | null, options?: { verify?: boolean }) {
    if (token == null) throw new TypeError("Cannot create token with no type or lifetime.");
    super(token, options);
  }

  protected override get tokenKind(): TokenKind {
    const { access, refresh, sliding } = this.backend.kinds;
    const tokenType = this.get("token_type");
    const kind = [access, refresh, sliding].find((known) => known.tokenType === tokenType);
    if (kind === undefined) throw new TokenWrongType();
    return kind;
  }

  protected override read(token: string): Claims {
    const { access, refresh, sliding } = this.backend.kinds;
    for (const kind of [access, refresh]) {
      try {
        return kind.verify(token);
      } catch (error) {
        if (!(error instanceof TokenWrongType)) throw error;
      }
    }
    return sliding.verify(token);
  }
}

/** The JWT classes of one configuration. */
export interface JwtClasses {
  readonly AccessToken: typeof AccessToken;
  readonly RefreshToken: typeof RefreshToken;
  readonly SlidingToken: typeof SlidingToken;
  readonly UntypedToken: typeof UntypedToken;
}

/** So that a refresh token of a configuration makes access tokens of the same one. */
const boundAccessTokens = new WeakMap<TokenBackend, typeof AccessToken>();

/** Makes the JWT classes of one configuration. */
export function createJwtClasses(backend: TokenBackend): JwtClasses {
  const classes = {
    AccessToken: class extends AccessToken {
      static override readonly backend = backend;
    },
    RefreshToken: class extends RefreshToken {
      static override readonly backend = backend;
    },
    SlidingToken: class extends SlidingToken {
      static override readonly backend = backend;
    },
    UntypedToken: class extends UntypedToken {
      static override readonly backend = backend;
    },
  };
  boundAccessTokens.set(backend, classes.AccessToken);
  return classes;
}
