import type { KeyObject } from "node:crypto";
import { PasswordChanged, TokenNotValid, UserInactive, UserNotFound } from "../../errors.js";
import type { AuthScheme } from "../../events.js";
import type { SqlValue, TransactionalSql } from "../../sql.js";
import { type Claims, isCount } from "../../tokens/claims.js";
import { KnownTokenExpired } from "../../tokens/expired.js";
import { parseObject, type UnverifiedJwt, verifySignature } from "../../tokens/jwt.js";
import type { CoreServices } from "../feature.js";
import type { ForeignTokens, VerifiedKind, VerifiedToken } from "../../tokens/token-kinds.js";
import type { TokenType } from "../../tokens/token-kind.js";
import { jwtSessionIdOf, userIdOf } from "./identity.js";
import type { SimpleJwt } from "./simplejwt-settings.js";

/** How simplejwt names its tokens in the claim `token_type`. */
const SCHEMES: Readonly<Record<TokenType, AuthScheme>> = {
  access: "JWT",
  refresh: "JWT",
  sliding: "SLIDING",
};

/** The longest text of a claim, in characters. */
const TEXT_MAX_LENGTH = 255;

export interface SimpleJwtOptions {
  readonly simpleJwt: SimpleJwt;
  readonly key: KeyObject;
  /** From this instant on no token is accepted. In epoch milliseconds. */
  readonly acceptedUntil: number;
  /** In seconds. */
  readonly sessionLifetime: number;
}

/**
 * The tokens that simplejwt issued. A token is accepted as long as simplejwt would accept it, unless the user has got a
 * new password or was deactivated at Gatehouse. A refresh gives a token of Gatehouse.
 * @see https://django-rest-framework-simplejwt.readthedocs.io/en/stable/simpleJwt.html
 */
export class SimpleJwtTokens implements ForeignTokens {
  readonly typ = "JWT";
  readonly #sql: TransactionalSql;
  readonly #now: () => number;
  readonly #options: SimpleJwtOptions;
  readonly #kinds: Readonly<Record<TokenType, VerifiedKind>>;

  constructor({ sql, now }: Pick<CoreServices, "sql" | "now">, options: SimpleJwtOptions) {
    this.#sql = sql;
    this.#now = now;
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
    if (!isTokenType(type)) throw new TokenNotValid();
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

  /** Returns the claims under the names that Gatehouse uses. */
  #parseClaims(payload: Readonly<Record<string, unknown>>, type: TokenType): Claims {
    const { simpleJwt } = this.#options;
    const { iss, aud, exp, nbf = 0 } = payload;
    // simplejwt writes no `iat` before version 5.
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

  /** Ignores `iat`: the clock of Django's host may be ahead of ours. */
  #requireInTime({ nbf = 0, exp, sid, sub }: Claims, scheme: AuthScheme): void {
    const { LEEWAY: leeway } = this.#options.simpleJwt;
    const seconds = this.#now() / 1000;
    if (nbf > seconds + leeway) throw new TokenNotValid();
    if (exp <= seconds - leeway) {
      throw new KnownTokenExpired({ id: sid, userId: sub, scheme, impersonatorId: null });
    }
  }

  /**
   * Opens the session of a token that was not imported, unless it exists. A token that has expired gets no session.
   * @throws {@link UserNotFound} when the user was not imported
   * @throws {@link PasswordChanged} when the user has got a new password here, or has been deactivated here
   * @throws {@link UserInactive} when the user is inactive
   */
  async #adopt({ claims, kind, session }: VerifiedToken): Promise<void> {
    const { sessionLifetime, simpleJwt } = this.#options;
    const at = this.#now();
    const isAccess = kind.type === "access";
    // No leeway for a refresh token: its ended session may be pruned by now, and must not open again.
    const expiresAt = (claims.exp + (isAccess ? simpleJwt.LEEWAY : 0)) * 1000;
    if (expiresAt <= at || (await this.#isStored(session.id))) return;
    const refreshExpiresAt = Number(claims["refresh_exp"]) * 1000;
    const sessionExpiresAt = Math.max(refreshExpiresAt, at + sessionLifetime * 1000);
    const times = isAccess ? [expiresAt, expiresAt] : [sessionExpiresAt, refreshExpiresAt];
    const createdAt = claims.iat === 0 ? at : claims.iat * 1000;
    const isAdopted = await this.#sql.inTransaction(async (run) => {
      const { id, scheme, userId } = session;
      const rows = await run(ADOPT, [id, scheme, createdAt, createdAt, ...times, userId]);
      if (rows.length > 0 && !isAccess) await run(REMEMBER, [id, claims.jti]);
      return rows.length > 0;
    });
    if (!isAdopted && !(await this.#isStored(session.id))) await this.#refuse(session.userId);
  }

  async #isStored(sessionId: string): Promise<boolean> {
    const rows = await this.#sql.read(`SELECT 1 FROM session WHERE id = ?`, [sessionId]);
    return rows.length > 0;
  }

  async #refuse(userId: string): Promise<never> {
    const [user] = await this.#sql.read<{ isActive: SqlValue }>(
      `SELECT is_active AS "isActive" FROM "user" WHERE id = ?`,
      [userId],
    );
    if (user === undefined) throw new UserNotFound();
    throw user.isActive ? new PasswordChanged() : new UserInactive();
  }
}

/** An imported user has `credentials_version` 0 until a new password or a deactivation at Gatehouse. */
const ADOPT = `
  INSERT INTO session (id, user_id, scheme, credentials_version, generation, created_at, rotated_at, expires_at,
    refresh_expires_at)
  SELECT ?, id, ?, 0, 0, ?, ?, ?, ? FROM "user"
  WHERE id = ? AND is_active AND credentials_version = 0
  ON CONFLICT (id) DO NOTHING RETURNING id`;

/** Simplejwt's blacklist knows a token by its `jti`. It has no access tokens. */
const REMEMBER = `INSERT INTO django_token (session_id, jti) VALUES (?, ?) RETURNING session_id`;

function isTokenType(value: unknown): value is TokenType {
  return typeof value === "string" && Object.hasOwn(SCHEMES, value);
}

/** Returns a primary key as text: a whole number or a text. Returns null for any other value. */
function keyOf(claim: unknown): string | null {
  if (isCount(claim)) return String(claim);
  return isText(claim) ? claim : null;
}

function isText(claim: unknown): claim is string {
  return typeof claim === "string" && claim.length > 0 && claim.length <= TEXT_MAX_LENGTH;
}
