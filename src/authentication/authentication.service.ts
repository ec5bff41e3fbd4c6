import { randomBytes } from "node:crypto";
import type { AccountService, Login } from "../accounts/account.service.js";
import type { PasswordHasher } from "../accounts/password-hasher.js";
import type { AuthConfig } from "../config.js";
import {
  BadUserInput,
  InvalidCredentials,
  NoCredentials,
  TokenExpired,
  TokenNotValid,
  TokenWrongType,
  Unauthenticated,
  UserNotFound,
} from "../errors.js";
import type { AuthScheme } from "../events.js";
import { findRefusal, Principal, type SessionRow } from "../sessions/principal.js";
import type { Client, SessionService } from "../sessions/session.service.js";
import type { AccessTokens } from "../tokens/access-token.js";
import type { Claims } from "../tokens/jwt.js";
import type { RefreshTokens } from "../tokens/refresh-token.js";
import {
  generateStaticToken,
  isSecretOf,
  looksLikeStaticToken,
  parseStaticToken,
} from "../tokens/static-token.js";
import type { Credential } from "./authorization-header.js";

/** What a login or a refresh gives. Instants are epoch milliseconds. */
export interface Issued {
  readonly principal: Principal;
  /** A static token. */
  readonly token: string | null;
  readonly access: string | null;
  readonly refresh: string | null;
  readonly expiresAt: number | null;
  readonly refreshExpiresAt: number | null;
}

/** What a token is good for right now. @see RFC 7662 2.2 */
export interface Verification {
  readonly principal: Principal;
  /** The header scheme to send it with; null for a refresh token, which goes into no header. */
  readonly tokenType: Credential["scheme"] | null;
  /** Epoch milliseconds; null means that it does not expire. */
  readonly expiresAt: number | null;
}

/** Credentials in, tokens out; tokens in, users out. */
export class AuthenticationService {
  readonly #config: AuthConfig;
  readonly #accounts: AccountService;
  readonly #hasher: PasswordHasher;
  readonly #sessions: SessionService;
  readonly #accessTokens: AccessTokens;
  readonly #refreshTokens: RefreshTokens;

  constructor(
    config: AuthConfig,
    accounts: AccountService,
    hasher: PasswordHasher,
    sessions: SessionService,
    accessTokens: AccessTokens,
    refreshTokens: RefreshTokens,
  ) {
    this.#config = config;
    this.#accounts = accounts;
    this.#hasher = hasher;
    this.#sessions = sessions;
    this.#accessTokens = accessTokens;
    this.#refreshTokens = refreshTokens;
  }

  /**
   * The user behind a credential, if it can be used now. Costs one query, or none where the credential itself is bad.
   * @throws {@link Unauthenticated} with the reason
   */
  async authenticate(credential: Credential): Promise<Principal> {
    const { scheme, token } = credential;
    const { row } =
      scheme === "Token" ? await this.#verifyStatic(token) : await this.#verifyAccess(token);
    return new Principal(row);
  }

  /**
   * Logs a user in by password. Unknown, wrong and inactive are alike, also in time: a password is always hashed.
   * @throws {@link InvalidCredentials}; {@link BadUserInput} when an argument could be nobody's
   */
  async login(login: Login, password: string, scheme: AuthScheme, client: Client): Promise<Issued> {
    const account = await this.#accounts.findAccount(login);
    const isRight = await this.#hasher.verify(account?.passwordHash ?? null, password);
    if (account !== null && isRight && account.isActive) {
      await this.#accounts.recordLogin(account, password);
      const issued = await this.#issue(account, { scheme, label: null, client });
      if (issued !== null) return issued;
    }
    const name = "username" in login ? login.username : login.email;
    this.#config.onEvent({ type: "login_failed", login: name, reason: "invalid_credentials" });
    throw new InvalidCredentials();
  }

  /**
   * Makes a static token for a user, without a password: for administrators and scripts.
   * @throws {@link BadUserInput} when there is no such active user
   */
  async createStaticToken(login: Login, label: string | null): Promise<Issued> {
    const client = { ipAddress: null, userAgent: null };
    const account = await this.#accounts.findAccount(login);
    const issued = account && (await this.#issue(account, { scheme: "TOKEN", label, client }));
    if (issued === null) throw new BadUserInput("There is no such user, or the user is inactive.");
    return issued;
  }

  async #issue(
    account: Parameters<SessionService["open"]>[0],
    opening: { scheme: AuthScheme; label: string | null; client: Client },
  ): Promise<Issued | null> {
    const id = randomBytes(16).toString("hex");
    const made = opening.scheme === "TOKEN" ? generateStaticToken(id) : null;
    const secretHash = made?.secretHash ?? null;
    const row = await this.#sessions.open(account, { ...opening, id, secretHash });
    if (row === null) return null;
    this.#config.onEvent({
      type: "token_issued",
      userId: row.userId,
      sessionId: id,
      scheme: opening.scheme,
    });
    if (made === null) return this.#issuePair(row);
    const { expiresAt } = row;
    return { ...NOTHING_ISSUED, token: made.token, expiresAt, principal: new Principal(row) };
  }

  /** The access token and the refresh token of the row's generation. */
  #issuePair(row: SessionRow): Issued {
    const { id: sessionId, userId, generation, rotatedAt, refreshExpiresAt } = row;
    const grant = { userId, sessionId, sessionExpiresAt: row.expiresAt };
    const refresh = this.#refreshTokens.issue({
      userId,
      sessionId,
      generation,
      issuedAt: rotatedAt,
      expiresAt: refreshExpiresAt ?? rotatedAt,
    });
    return {
      ...NOTHING_ISSUED,
      ...this.#accessTokens.issue(grant),
      refresh,
      refreshExpiresAt,
      principal: new Principal(row),
    };
  }

  /**
   * Trades a refresh token for a new pair of the same session. Only the refresh token counts, never the header.
   * @throws {@link Unauthenticated} with the reason
   */
  async refresh(token: string): Promise<Issued> {
    const row = await this.#sessions.rotate(this.#refreshTokens.verifyAnyAge(token));
    this.#config.onEvent({ type: "token_refreshed", userId: row.userId, sessionId: row.id });
    return this.#issuePair(row);
  }

  /** What any of our tokens is good for now, or null where it is good for nothing. */
  async verifyToken(token: string): Promise<Verification | null> {
    try {
      return await this.#verifyAnyToken(token);
    } catch (error) {
      if (error instanceof Unauthenticated) return null;
      throw error;
    }
  }

  async #verifyAnyToken(token: string): Promise<Verification> {
    if (looksLikeStaticToken(token)) {
      const { row } = await this.#verifyStatic(token);
      return { principal: new Principal(row), tokenType: "Token", expiresAt: row.expiresAt };
    }
    try {
      const { row, claims } = await this.#verifyAccess(token);
      return { principal: new Principal(row), tokenType: "Bearer", expiresAt: claims.exp * 1000 };
    } catch (error) {
      if (!(error instanceof TokenWrongType)) throw error;
    }
    const claims = this.#refreshTokens.verifyAnyAge(token);
    const row = await this.#requireLive(claims);
    const { refreshExpiresAt } = row;
    const isCurrent = claims.gen === row.generation;
    if (!isCurrent || (refreshExpiresAt ?? 0) <= this.#config.now()) throw new TokenExpired();
    return { principal: new Principal(row), tokenType: null, expiresAt: refreshExpiresAt };
  }

  /**
   * Ends one session: that of the refresh token if there is one, else that of the header's credential.
   * Ending what has ended already succeeds, and so does an expired token: nothing is left to revoke.
   * @throws {@link TokenNotValid}, {@link TokenWrongType}, {@link NoCredentials}
   * @see RFC 7009 2
   */
  async logout(
    credential: Credential | null,
    user: Principal | null,
    refresh: string | null,
  ): Promise<{ scheme: AuthScheme; hasEnded: boolean }> {
    if (refresh !== null) {
      const claims = this.#refreshTokens.verifyAnyAge(refresh);
      if (user !== null && user.id !== claims.sub) throw new TokenNotValid();
      return { scheme: "JWT", hasEnded: await this.#endSession(claims.sid, claims.sub) };
    }
    if (credential === null) throw new NoCredentials();
    if (credential.scheme === "Bearer") {
      const claims = this.#accessTokens.verifyAnyAge(credential.token);
      return { scheme: "JWT", hasEnded: await this.#endSession(claims.sid, claims.sub) };
    }
    const row = await this.#findStatic(credential.token);
    return {
      scheme: "TOKEN",
      hasEnded: row !== null && (await this.#endSession(row.id, row.userId)),
    };
  }

  async #endSession(id: string, userId: string): Promise<boolean> {
    const hasEnded = await this.#sessions.end({ id, userId }, "logout");
    if (hasEnded) this.#config.onEvent({ type: "session_ended", userId, sessionId: id });
    return hasEnded;
  }

  async #verifyAccess(token: string): Promise<{ row: SessionRow; claims: Claims }> {
    if (looksLikeStaticToken(token)) throw new TokenWrongType();
    const claims = this.#accessTokens.verify(token);
    return { row: await this.#requireLive(claims), claims };
  }

  async #requireLive({ sid, sub }: Claims): Promise<SessionRow> {
    const row = await this.#sessions.find(sid);
    // A session outlives its tokens in the database, so only a deleted user leaves a good token without one.
    if (row === null) throw new UserNotFound();
    if (row.userId !== sub || row.scheme !== "JWT") throw new TokenNotValid();
    return this.#requireNoRefusal(row);
  }

  async #verifyStatic(token: string): Promise<{ row: SessionRow }> {
    const row = await this.#findStatic(token);
    if (row === null) throw new TokenNotValid();
    return { row: this.#requireNoRefusal(row) };
  }

  /** The session of a static token, dead or alive, or null where no session has that token. */
  async #findStatic(token: string): Promise<SessionRow | null> {
    const parsed = parseStaticToken(token);
    if (parsed === null) throw new TokenNotValid();
    const row = await this.#sessions.find(parsed.sessionId);
    return row !== null && isSecretOf(row.secretHash, parsed.secret) ? row : null;
  }

  #requireNoRefusal(row: SessionRow): SessionRow {
    const refusal = findRefusal(row, this.#config.now());
    if (refusal !== null) throw refusal;
    return row;
  }
}

const NOTHING_ISSUED = {
  token: null,
  access: null,
  refresh: null,
  expiresAt: null,
  refreshExpiresAt: null,
};
