import { newId } from "../../accounts/id.js";
import { idOf, type UserRef } from "../../accounts/user-ref.js";
import { BadUserInput } from "../../errors.js";
import { requireLive } from "../../sessions/live.js";
import { type ApplicationClaims, impersonatorOf } from "../../tokens/claims.js";
import { TokenExpired, TokenNotValid } from "../../tokens/errors.js";
import { decodePayload } from "../../tokens/jwt.js";
import type { TokenKind, TokenType } from "../../tokens/token-kind.js";
import type { VerifiedToken } from "../../tokens/token-kinds.js";
import { ClaimMap } from "./claim-map.js";
import { requireBackend, type TokenBackend } from "./token-backend.js";

/**
 * A JWT, as in simplejwt: a map of claims that can be read, changed and signed. The constructor verifies the token, but
 * not its session. {@link Token.checkBlacklist} checks the session in the database.
 * @throws {@link TokenNotValid}, {@link TokenWrongType}, {@link TokenExpired} when the text is not a valid token
 * @see https://django-rest-framework-simplejwt.readthedocs.io/en/latest/creating_tokens_manually.html
 */
export class Token extends ClaimMap {
  /** The services that the class uses. Only the classes in `auth.tokens` have them. */
  static readonly backend: TokenBackend | undefined;
  /** The type of the tokens that the class makes. */
  static readonly tokenType: TokenType | undefined;

  /** When this object was created, in epoch milliseconds. Lifetimes count from this time. */
  readonly currentTime: number;
  /** Undefined for a new token, and for a token read with `verify: false`. */
  #verified: VerifiedToken | undefined;

  /**
   * @param token the signed token to read. Leave it out to make a new token, which has no user yet.
   * @param options `verify: false` skips all checks, for debugging only
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
   * @throws {@link NoSuchUser}; {@link BadUserInput} when the user is inactive; Error when the option `claims` fails;
   * {@link ServiceUnavailable} when the option `claims` takes too long
   */
  static async forUser<This extends typeof Token>(
    this: This,
    user: UserRef,
  ): Promise<InstanceType<This>> {
    const token = new this();
    token.set("sub", idOf(user));
    // Load the claims first. If this fails, no session is opened.
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

  /** The type of the verified token. Undefined if the token was not verified. */
  protected get verifiedType(): TokenType | undefined {
    return this.#verified?.kind.type;
  }

  /** The types of token that the constructor accepts. */
  protected get acceptedTypes(): readonly TokenType[] {
    return [this.tokenKind.type];
  }

  /** Sets a new `jti`: 128 random bits in hex. */
  setJti(): this {
    return this.set("jti", newId());
  }

  /** Sets the claim `iat`. @param options `at` is epoch milliseconds, by default {@link Token.currentTime} */
  setIat({ claim = "iat", at = this.currentTime }: { claim?: string; at?: number } = {}): this {
    return this.set(claim, secondsOf("at", at));
  }

  /**
   * Sets the claim `exp`. An access token that lives longer than `accessTokenLifetime` is not valid.
   * @param options `from` is epoch milliseconds, by default {@link Token.currentTime}. `lifetime` is seconds, by
   * default the lifetime of the token's type.
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
   * Throws if the token has expired.
   * @param options `at` is epoch milliseconds, by default {@link Token.currentTime}
   * @throws {@link TokenExpired}; {@link TokenNotValid} when the claim is missing or not an integer
   */
  checkExp({ claim = "exp", at = this.currentTime }: { claim?: string; at?: number } = {}): void {
    const exp = this.get(claim);
    if (!Number.isSafeInteger(exp)) throw new TokenNotValid();
    if (secondsOf("at", at) >= (exp as number) + this.backend.settings.leeway) {
      throw new TokenExpired();
    }
  }

  /**
   * Signs the current claims, and verifies the result.
   * @throws the errors of the constructor and of {@link Token.toString}
   */
  verify(): void {
    this.#read(this.toString());
  }

  /**
   * Checks these things in the database:
   * - The session has not ended or expired.
   * - The user is active, and the password has not changed.
   * - An administrator who acts as the user is still an administrator.
   * - No refresh has replaced the token.
   * - The token's signing key has not been revoked.
   * @throws {@link Unauthenticated} with the reason
   */
  async checkBlacklist(): Promise<void> {
    const { sessions, settings } = this.backend;
    const generation = this.has("gen") ? Number(this.get("gen")) : null;
    const ids = { id: this.#text("sid"), userId: this.#text("sub") };
    const impersonatorId = impersonatorOf(this.payload);
    const session = { ...ids, scheme: this.tokenKind.scheme, generation, impersonatorId };
    const row = await sessions.find(session.id);
    if (this.#verified?.kind.hasKey(this.#verified.kid) === false) throw new TokenNotValid();
    requireLive(row, session, settings.now(), settings.roles);
  }

  /**
   * Ends the token's session, which revokes all tokens of the session. If the token has no session, stores a session
   * that has already ended, and sets the claim `sid` to its id.
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
   * Opens a session if the token has none. Only a token with a session can be listed or revoked.
   * @throws {@link TokenNotValid} when `sub` is not text; {@link NoSuchUser} when `sub` is not the id of a user
   * @throws {@link BadUserInput} when the user is inactive
   */
  async outstand(): Promise<void> {
    if (this.has("sid")) return;
    const { scheme } = this.tokenKind;
    const { row } = await this.backend.sessions.open(this.#text("sub"), { scheme });
    this.setSession(row.id);
  }

  protected setSession(id: string): void {
    this.set("sid", id);
  }

  /**
   * Loads the claims of the option `claims` and of features. Does nothing in this class, but `AccessToken` and
   * `RefreshToken` override it.
   */
  protected addClaims(): Promise<void> {
    return Promise.resolve();
  }

  /** Returns the claims that the option `claims` and features give for the token's user. */
  protected claimsOfUser(): Promise<ApplicationClaims> {
    return this.backend.issuer.claimsFor(this.#text("sub"));
  }

  /** Returns the signed token. @throws RangeError when the application's claims exceed 1,500 bytes */
  override toString(): string {
    return this.tokenKind.sign(this.payload);
  }

  /** Verifies a token. Refuses a token that another system issued, because such a token may not have a session yet. */
  #read(token: string): VerifiedToken {
    const verified = this.backend.kinds.verify(token, this.acceptedTypes);
    if (verified.kind.adopt !== undefined) throw new TokenNotValid();
    return verified;
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
