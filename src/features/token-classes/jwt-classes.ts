import type { ApplicationClaims } from "../../tokens/claims.js";
import { TokenWrongType } from "../../tokens/errors.js";
import { type TokenKind, TOKEN_TYPES, type TokenType } from "../../tokens/token-kind.js";
import { Token } from "./token.js";
import type { TokenBackend } from "./token-backend.js";

/**
 * A short-lived token for `Authorization: Bearer`.
 * @example
 * const access = await auth.tokens.AccessToken.forUser(user);
 * await fetch(url, { headers: { authorization: `Bearer ${String(access)}` } });
 */
export class AccessToken extends Token {
  static override readonly tokenType: TokenType = "access";

  protected override async addClaims(): Promise<void> {
    this.assign(await this.claimsOfUser());
  }
}

/** A token that each refresh replaces. The claim `gen` counts the refreshes of the session before this token. */
abstract class RotatingToken extends Token {
  protected override setSession(id: string): void {
    super.setSession(id);
    if (!this.has("gen")) this.set("gen", 0);
  }
}

/**
 * A token that can be exchanged once for a new access token and a new refresh token.
 * @example
 * const refresh = await auth.tokens.RefreshToken.forUser(user);
 * const pair = { refresh: String(refresh), access: String(refresh.accessToken) };
 * await new auth.tokens.RefreshToken(pair.refresh).blacklist();
 */
export class RefreshToken extends RotatingToken {
  static override readonly tokenType: TokenType = "refresh";
  /** The class of {@link RefreshToken.accessToken}. */
  static readonly accessTokenClass: typeof AccessToken = AccessToken;
  /** The claims that {@link RefreshToken.accessToken} does not copy. */
  static readonly noCopyClaims = ["token_type", "exp", "iat", "jti", "gen"];

  /**
   * The claims that access tokens get from the option `claims` and from features. Empty if {@link Token.forUser} did
   * not make this token.
   */
  #accessClaims: ApplicationClaims = {};

  protected override async addClaims(): Promise<void> {
    this.#accessClaims = await this.claimsOfUser();
  }

  /**
   * Makes an access token of the same session. Copies all claims except {@link RefreshToken.noCopyClaims}. If
   * {@link Token.forUser} made this token, adds the claims of the option `claims` and of features. The access token
   * never outlives this token.
   */
  get accessToken(): AccessToken {
    const { accessTokenClass, noCopyClaims } = this.constructor as typeof RefreshToken;
    const access = new accessTokenClass();
    for (const [claim, value] of Object.entries(this.payload)) {
      if (!noCopyClaims.includes(claim)) access.set(claim, value);
    }
    for (const [claim, value] of Object.entries(this.#accessClaims)) access.set(claim, value);
    access.setIat({ at: this.currentTime }).setExp({ from: this.currentTime });
    return access.set("exp", Math.min(Number(access.get("exp")), Number(this.get("exp"))));
  }
}

/**
 * A token that is both an access token and a refresh token. It can be refreshed until the time in its claim
 * `refresh_exp`.
 * @example
 * const sliding = await auth.tokens.SlidingToken.forUser(user);
 * const slidesUntil = sliding.get("refresh_exp");
 */
export class SlidingToken extends RotatingToken {
  static override readonly tokenType: TokenType = "sliding";

  constructor(token?: string | null, options?: { verify?: boolean }) {
    super(token, options);
    if (token == null) {
      this.setExp({ claim: "refresh_exp", lifetime: this.backend.settings.sessionLifetime });
    }
  }
}

/**
 * A JWT of any type: access, refresh or sliding.
 * @example
 * const type = new auth.tokens.UntypedToken(text).get("token_type"); // such as "refresh"
 */
export class UntypedToken extends Token {
  constructor(token?: string | null, options?: { verify?: boolean }) {
    if (token == null) throw new TypeError("Cannot create token with no type or lifetime.");
    super(token, options);
  }

  protected override get acceptedTypes(): readonly TokenType[] {
    return TOKEN_TYPES;
  }

  /**
   * @throws {@link TokenWrongType} when the token was not verified, or its claim `token_type` was changed afterwards
   */
  protected override get tokenKind(): TokenKind {
    const { verifiedType } = this;
    if (verifiedType === undefined || verifiedType !== this.get("token_type")) {
      throw new TokenWrongType();
    }
    return this.backend.kinds[verifiedType];
  }
}

/** The JWT classes of one configuration. */
export interface JwtClasses {
  readonly AccessToken: typeof AccessToken;
  readonly RefreshToken: typeof RefreshToken;
  readonly SlidingToken: typeof SlidingToken;
  readonly UntypedToken: typeof UntypedToken;
}

export function createJwtClasses(backend: TokenBackend): JwtClasses {
  const BoundAccessToken = class extends AccessToken {
    static override readonly backend = backend;
  };
  return {
    AccessToken: BoundAccessToken,
    RefreshToken: class extends RefreshToken {
      static override readonly backend = backend;
      static override readonly accessTokenClass = BoundAccessToken;
    },
    SlidingToken: class extends SlidingToken {
      static override readonly backend = backend;
    },
    UntypedToken: class extends UntypedToken {
      static override readonly backend = backend;
    },
  };
}
