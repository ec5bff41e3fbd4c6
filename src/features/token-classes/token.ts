import { newId } from "../../accounts/id.js";
import { idOf, type UserRef } from "../../accounts/user-ref.js";
import { BadUserInput, TokenExpired, TokenNotValid } from "../../errors.js";
import { requireLive } from "../../sessions/live.js";
import type { ApplicationClaims } from "../../tokens/claims.js";
import { decodePayload } from "../../tokens/jwt.js";
import type { TokenKind, TokenType } from "../../tokens/token-kind.js";
import type { VerifiedToken } from "../../tokens/token-kinds.js";
import { ClaimMap } from "./claim-map.js";
import { requireBackend, type TokenBackend } from "./token-backend.js";

/**
 * A JWT as users of simplejwt know it: a map of claims that can be read, changed and signed. By default, the
 * constructor verifies the text that it reads. It does not look up the token's session in the database: {@link
 * Token.checkBlacklist} does.
 * @throws {@link TokenNotValid}, {@link TokenWrongType}, {@link TokenExpired} when the text is not a valid token
 * @see https://django-rest-framework-simplejwt.readthedocs.io/en/latest/creating_tokens_manually.html
 */
export class Token extends ClaimMap {
  /** The backend of the configuration that the class belongs to. */
  static readonly backend: TokenBackend | undefined;
  /** The type of token that the class makes. */
  static readonly tokenType: TokenType | undefined;

  /** When the token was made or read, in epoch milliseconds: lifetimes count from here. */
  readonly currentTime: number;
  /** The result of the verification. Undefined for a new token, and for a token read with `verify: false`. */
  #verified: VerifiedToken | undefined;

  /**
   * @param token the text to read. Without a text, a new token is made, which has no user yet.
   * @param options `verify: false` reads the text without any check, for debugging only
   */
  constructor(token?: string | null, { verify = true }: { verify?: boolean } = {}) {
    super();
    this.currentTime = this.backend.settings.now();
    if (token == null) {
      this.assign(this.tokenKind.claims({}));
      this.setIat();
      this.setExp();
      this.setJti();
    } else if (verify) {
      this.#verified = this.#read(token);
      this.assign(this.#verified.claims);
    } else {
      this.assign(decodePayload(token));
    }
  }

  /**
   * Opens a session for a user, and returns a token of the session.
   * @throws {@link NoSuchUser}; {@link BadUserInput} when the user is inactive; Error when the option `claims` fails
   */
  static async forUser<This extends typeof Token>(
    this: This,
    user: UserRef,
  ): Promise<InstanceType<This>> {
    const token = new this();
    token.set("sub", idOf(user));
    // Runs before `outstand`, so that no session is opened if the claims cannot be loaded.
    await token.addClaims();
    await token.outstand();
    return token as InstanceType<This>;
  }

  protected get backend(): TokenBackend {
    return requireBackend((this.constructor as typeof Token).backend);
  }

  protected get tokenKind(): TokenKind {
    const { backend } = this;
    const { tokenType } = this.constructor as typeof Token;
    if (tokenType === undefined) {
      throw new TypeError("Cannot create token with no type or lifetime.");
    }
    return backend.kinds[tokenType];
  }

  /** The kind that the token was verified as; undefined if it was not verified. */
  protected get verifiedKind(): TokenKind | undefined {
    return this.#verified?.kind;
  }

  /** The types of token that the class reads. */
  protected get acceptedTypes(): readonly TokenType[] {
    return [this.tokenKind.type];
  }

  /** Sets a new `jti`: 128 random bits in hex. */
  setJti(): this {
    return this.set("jti", newId());
  }

  /** Sets when the token was issued. @param options `at` is epoch milliseconds, @default currentTime */
  setIat({ claim = "iat", at = this.currentTime }: { claim?: string; at?: number } = {}): this {
    return this.set(claim, secondsOf("at", at));
  }

  /**
   * Sets when the token expires. An access token that lives longer than `accessTokenLifetime` is not valid: every
   * verification refuses it.
   * @param options `from` is epoch milliseconds, @default currentTime; `lifetime` is seconds, @default the lifetime of
   * the type
   */
  setExp({
    claim = "exp",
    from = this.currentTime,
    lifetime = this.tokenKind.lifetime,
  }: { claim?: string; from?: number; lifetime?: number } = {}): this {
    requireNumber("lifetime", lifetime);
    return this.set(claim, secondsOf("from", from) + lifetime);
  }

  /**
   * Refuses a token that has expired.
   * @param options `at` is epoch milliseconds, @default currentTime
   * @throws {@link TokenExpired}; {@link TokenNotValid} when the claim is missing or not an instant
   */
  checkExp({ claim = "exp", at = this.currentTime }: { claim?: string; at?: number } = {}): void {
    const exp = this.get(claim);
    if (!Number.isSafeInteger(exp)) throw new TokenNotValid();
    if (secondsOf("at", at) >= (exp as number) + this.backend.settings.leeway) {
      throw new TokenExpired();
    }
  }

  /** Verifies the token as it is now, with all changes. @throws as the constructor and {@link Token.toString} do */
  verify(): void {
    this.#read(this.toString());
  }

  /**
   * Checks in the database that the token's session is live. Refuses a refresh or sliding token that a refresh has
   * replaced. Also refuses a token whose signing key was revoked after the constructor verified the token.
   * @throws {@link Unauthenticated} with the reason
   */
  async checkBlacklist(): Promise<void> {
    const { sessions, settings } = this.backend;
    const generation = this.has("gen") ? Number(this.get("gen")) : null;
    const ids = { id: this.#text("sid"), userId: this.#text("sub") };
    const session = { ...ids, scheme: this.tokenKind.scheme, generation };
    const row = await sessions.find(session.id);
    if (this.#verified?.kind.hasKey(this.#verified.kid) === false) throw new TokenNotValid();
    requireLive(row, session, settings.now());
  }

  /**
   * Ends the token's session, and with it all tokens of that session. A token without a session gets one that has
   * ended.
   * @returns whether this call ended the session
   * @throws the errors of {@link Token.outstand}, if the token has no session
   */
  async blacklist(): Promise<boolean> {
    if (!this.has("sid")) {
      const { scheme } = this.tokenKind;
      this.setSession(await this.backend.sessions.openEnded(this.#text("sub"), { scheme }));
      return true;
    }
    return this.backend.sessions.end(this.#text("sid"), this.#text("sub"));
  }

  /**
   * Opens a session for the token, unless it already has one. Without a session, a token cannot be listed or revoked.
   * @throws {@link TokenNotValid} when `sub` is missing; {@link NoSuchUser} when `sub` is not the id of a user
   * @throws {@link BadUserInput} when the user is inactive
   */
  async outstand(): Promise<void> {
    if (this.has("sid")) return;
    const { scheme } = this.tokenKind;
    const { row } = await this.backend.sessions.open(this.#text("sub"), { scheme });
    this.setSession(row.id);
  }

  /** Sets the claims that connect the token with its new session. */
  protected setSession(id: string): void {
    this.set("sid", id);
  }

  /** Does nothing here. Classes that make access tokens override it, to load the claims of the option `claims`. */
  protected addClaims(): Promise<void> {
    return Promise.resolve();
  }

  /** Returns the claims of the option `claims` for the token's user. */
  protected claimsOfUser(): Promise<ApplicationClaims> {
    return this.backend.issuer.claimsFor(this.#text("sub"));
  }

  /** Returns the signed token. @throws RangeError when the application's claims exceed 1,500 bytes */
  override toString(): string {
    return this.tokenKind.sign(this.payload);
  }

  #read(token: string): VerifiedToken {
    return this.backend.kinds.verify(token, this.acceptedTypes);
  }

  #text(claim: string): string {
    const value = this.get(claim);
    if (typeof value !== "string") throw new TokenNotValid();
    return value;
  }
}

/** Returns epoch seconds. @param at epoch milliseconds */
function secondsOf(name: string, at: number): number {
  requireNumber(name, at);
  return Math.floor(at / 1000);
}

function requireNumber(name: string, value: unknown): void {
  if (!Number.isFinite(value)) throw new BadUserInput(`${name} must be a number.`);
}
