import type { KeyObject } from "node:crypto";
import type { AuthScheme } from "../../events.js";
import {
  PasswordChanged,
  TokenRevoked,
  UserInactive,
  UserNotFound,
} from "../../sessions/errors.js";
import type { RunStatement, TransactionalSql } from "../../sql.js";
import { type Claims, isCount } from "../../tokens/claims.js";
import { TokenNotValid } from "../../tokens/errors.js";
import { KnownTokenExpired } from "../../tokens/expired.js";
import { parseObject, type UnverifiedJwt, verifySignature } from "../../tokens/jwt.js";
import type { CoreServices } from "../feature.js";
import type { ForeignTokens, VerifiedKind, VerifiedToken } from "../../tokens/token-kinds.js";
import type { TokenType } from "../../tokens/token-kind.js";
import { jwtSessionIdOf, userIdOf } from "./identity.js";
import { type IssuedToken, openSession, readStandings } from "./openable-tokens.js";
import { recordSeen } from "./seen-tokens.js";
import type { SimpleJwt } from "./simplejwt-settings.js";

/** The scheme for each value of simplejwt's claim `token_type`. */
const SCHEMES: Readonly<Record<TokenType, AuthScheme>> = {
  access: "JWT",
  refresh: "JWT",
  sliding: "SLIDING",
};

/** How long the text of a claim may be, in characters. */
const TEXT_MAX_LENGTH = 255;

export interface SimpleJwtOptions {
  readonly simpleJwt: SimpleJwt;
  readonly key: KeyObject;
  /** From this time on, all tokens of simplejwt are refused. Epoch milliseconds. */
  readonly acceptedUntil: number;
  /** In seconds. */
  readonly sessionLifetime: number;
}

/**
 * The tokens that simplejwt issued. Gatehouse accepts a token at most as long as simplejwt would. Gatehouse refuses a
 * token earlier, for example, if its session has ended, or if its user got a new password or was deactivated. A refresh
 * returns a token of Gatehouse.
 * @see https://django-rest-framework-simplejwt.readthedocs.io/en/stable/settings.html
 */
export class SimpleJwtTokens implements ForeignTokens {
  readonly typ = "JWT";
  readonly #sql: TransactionalSql;
  readonly #now: () => number;
  readonly #sessions: CoreServices["sessions"];
  readonly #options: SimpleJwtOptions;
  readonly #kinds: Readonly<Record<TokenType, VerifiedKind>>;

  constructor(core: Pick<CoreServices, "sql" | "now" | "sessions">, options: SimpleJwtOptions) {
    this.#sql = core.sql;
    this.#now = core.now;
    this.#sessions = core.sessions;
    this.#options = options;
    this.#kinds = {
      access: this.#createKind("access"),
      refresh: this.#createKind("refresh"),
      sliding: this.#createKind("sliding"),
    };
  }

  /** @throws {@link TokenNotValid} */
  verify(jwt: UnverifiedJwt): VerifiedToken {
    const { key, simpleJwt } = this.#options;
    if (!this.#areAccepted()) throw new TokenNotValid();
    verifySignature(jwt, { algorithm: simpleJwt.ALGORITHM, verificationKey: key });
    const payload = parseObject(jwt.payload) ?? {};
    const type = payload[simpleJwt.TOKEN_TYPE_CLAIM];
    // A token with this claim depends on the password in Django. Gatehouse does not see when that password changes.
    const isRevocable = Object.hasOwn(payload, simpleJwt.REVOKE_TOKEN_CLAIM);
    if (!isTokenType(type) || isRevocable) throw new TokenNotValid();
    const claims = this.#parseClaims(payload, type);
    const generation = type === "access" ? null : 0;
    const session = {
      ...{ id: claims.sid, userId: claims.sub, scheme: SCHEMES[type], generation },
      impersonatorId: null,
    };
    return { kind: this.#kinds[type], kid: "", claims, session };
  }

  #areAccepted(): boolean {
    return this.#now() < this.#options.acceptedUntil;
  }

  /** Checks the claims, and returns them under the names that Gatehouse uses. @throws {@link TokenNotValid} */
  #parseClaims(payload: Readonly<Record<string, unknown>>, type: TokenType): Claims {
    const { simpleJwt } = this.#options;
    const { iss, aud, exp, nbf = 0 } = payload;
    // 0 means unknown. A token can have no `iat`, because simplejwt before version 5 writes none.
    const { iat = 0 } = payload;
    const djangoId = keyOf(payload[simpleJwt.USER_ID_CLAIM]);
    const jti = payload[simpleJwt.JTI_CLAIM];
    const refreshExp =
      type === "sliding" ? payload[simpleJwt.SLIDING_TOKEN_REFRESH_EXP_CLAIM] : exp;
    const audiences = [simpleJwt.AUDIENCE ?? []].flat();
    const isRight =
      djangoId !== null &&
      isText(jti) &&
      [exp, iat, nbf, refreshExp].every(isCount) &&
      (simpleJwt.ISSUER == null || iss === simpleJwt.ISSUER) &&
      (audiences.length === 0 || [aud].flat().some((one) => audiences.includes(one as string)));
    if (!isRight) throw new TokenNotValid();
    return Object.freeze({
      iss: String(iss),
      aud: String(aud),
      sub: userIdOf(djangoId),
      sid: jwtSessionIdOf(jti),
      jti,
      ...{ iat, exp, nbf, refresh_exp: refreshExp, token_type: type },
    }) as Claims;
  }

  #createKind(type: TokenType): VerifiedKind {
    return {
      type,
      hasKey: () => this.#areAccepted(),
      requireInTime: (claims) => {
        this.#requireInTime(claims, SCHEMES[type]);
      },
      slidesUntil: ({ refresh_exp: refreshExp }) =>
        type === "sliding" ? Number(refreshExp) * 1000 : Infinity,
      adopt: (token) => this.#adopt(token),
    };
  }

  /** Checks `nbf` and `exp`. Does not check `iat`, because the clock of Django's host may be ahead of Gatehouse's. */
  #requireInTime({ nbf = 0, exp, sid, sub }: Claims, scheme: AuthScheme): void {
    const { LEEWAY: leeway } = this.#options.simpleJwt;
    const seconds = this.#now() / 1000;
    if (nbf > seconds + leeway) throw new TokenNotValid();
    if (exp <= seconds - leeway) {
      throw new KnownTokenExpired({ id: sid, userId: sub, scheme, impersonatorId: null });
    }
  }

  /**
   * Opens the session of a token that was not imported. Does nothing if the session exists, or if the token has
   * expired.
   * @throws {@link UserNotFound} when the user was not imported
   * @throws {@link UserInactive} when the user is inactive
   * @throws {@link PasswordChanged} when the user got a new password, or was activated or deactivated, in Gatehouse
   * @throws {@link TokenRevoked} when an end of the user's sessions also refused the token (see `refuseIssued`), or the
   * token's session has been deleted
   */
  async #adopt({ claims, kind, session }: VerifiedToken): Promise<void> {
    const { sessionLifetime, simpleJwt } = this.#options;
    const at = this.#now();
    const isAccess = kind.type === "access";
    // A refresh or sliding token gets no leeway. After the token has expired, its ended session may be deleted. With
    // leeway, the token could then open the session again.
    const expiresAt = (claims.exp + (isAccess ? simpleJwt.LEEWAY : 0)) * 1000;
    if (expiresAt <= at) return;
    const { id: sessionId, userId, scheme } = session;
    const issuedAt = claims.iat === 0 ? null : claims.iat * 1000;
    const token = { sessionId, userId, issuedAt };
    // Look for the session before the transaction, so that a refused token does not lock the database.
    if (await this.#hasSession(token)) return;
    const refreshExpiresAt = Number(claims["refresh_exp"]) * 1000;
    const sessionExpiresAt = Math.max(refreshExpiresAt, at + sessionLifetime * 1000);
    const opened = {
      ...token,
      scheme,
      createdAt: issuedAt ?? at,
      expiresAt: isAccess ? expiresAt : sessionExpiresAt,
      refreshExpiresAt: isAccess ? null : refreshExpiresAt,
    };
    const isAdopted = await this.#sql.inTransaction(async (run) => {
      if (!(await openSession(run, opened))) return false;
      const deadAt = Math.max(expiresAt, refreshExpiresAt);
      const seen = { ...token, jti: claims.jti, outstandingId: null, deadAt };
      if (!isAccess) await recordSeen(run, [seen]);
      return true;
    });
    if (isAdopted) {
      await this.#sessions.endBeyondLimit(userId, isAccess ? "foreignAccessToken" : "signIn");
    } else if (!(await this.#hasSession(token))) {
      throw new TokenRevoked();
    }
  }

  /**
   * Returns whether the token has a session.
   * @throws the errors of {@link SimpleJwtTokens.#adopt} if the token has no session and must not get one
   */
  async #hasSession(token: IssuedToken): Promise<boolean> {
    const read: RunStatement = (statement, values) => this.#sql.read(statement, values);
    const standing = (await readStandings(read, [token])).get(token.sessionId);
    if (!standing?.hasUser) throw new UserNotFound();
    if (standing.hasSession) return true;
    if (!standing.isActive) throw new UserInactive();
    if (!standing.isFromDjango) throw new PasswordChanged();
    if (!standing.isOpenable) throw new TokenRevoked();
    return false;
  }
}

function isTokenType(value: unknown): value is TokenType {
  return typeof value === "string" && Object.hasOwn(SCHEMES, value);
}

/**
 * Returns a user's primary key as text. Returns null if the value is neither a non-negative integer nor a text of 1 to
 * 255 characters.
 */
function keyOf(claim: unknown): string | null {
  if (isCount(claim)) return String(claim);
  return isText(claim) ? claim : null;
}

function isText(claim: unknown): claim is string {
  return typeof claim === "string" && claim.length > 0 && claim.length <= TEXT_MAX_LENGTH;
}
