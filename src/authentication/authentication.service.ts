import { randomBytes } from "node:crypto";
import type { Account, AccountService } from "../accounts/account.service.js";
import type { Login } from "../accounts/accounts.js";
import { canonicalLogin } from "../accounts/identifiers.js";
import type { LoginAttempts } from "../accounts/login-attempts.js";
import type { PasswordHasher } from "../accounts/password-hasher.js";
import type { AuthConfig } from "../config/auth-config.js";
import {
  BadUserInput,
  InvalidCredentials,
  NoCredentials,
  TokenExpired,
  TokenNotValid,
  TokenRevoked,
  TokenWrongType,
  TooManyRequests,
  Unauthenticated,
  UnknownKey,
  UserNotFound,
} from "../errors.js";
import { type AuthScheme, type Client, NO_CLIENT } from "../events.js";
import type { SigningKeyService } from "../keys/signing-key.service.js";
import { findRefusal, Principal, type SessionRow, TokenUser } from "../sessions/principal.js";
import type { SessionService } from "../sessions/session.service.js";
import type { Throttle } from "../throttling/throttle.js";
import type { Claims } from "../tokens/jwt.js";
import type { RotatingClaims } from "../tokens/rotating-token.js";
import {
  generateStaticToken,
  isSecretOf,
  looksLikeStaticToken,
  parseStaticToken,
} from "../tokens/static-token.js";
import type { Credential } from "./authorization-header.js";
import type { AuthContext } from "./context.js";
import type { Hooks } from "./hooks.js";
import { type Issued, issueTokens, type TokenKinds } from "./token-issuer.js";

/** What a token is good for right now. @see RFC 7662 2.2 */
export interface Verification {
  readonly principal: Principal;
  /** The header scheme to send it with; null for a refresh token, which goes into no header. */
  readonly tokenType: Credential["scheme"] | null;
  /** Epoch milliseconds; null means that it does not expire. */
  readonly expiresAt: number | null;
}

/** What {@link AuthenticationService} works with. */
export interface AuthenticationParts {
  readonly config: AuthConfig;
  readonly accounts: AccountService;
  readonly attempts: LoginAttempts;
  readonly hasher: PasswordHasher;
  readonly throttle: Throttle;
  readonly sessions: SessionService;
  readonly keys: SigningKeyService;
  readonly kinds: TokenKinds;
  /** In the order in which they run. */
  readonly hooks: readonly Hooks[];
}

/** Credentials in, tokens out; tokens in, users out. */
export class AuthenticationService {
  readonly #parts: AuthenticationParts;

  constructor(parts: AuthenticationParts) {
    this.#parts = parts;
  }

  /**
   * The user behind a credential, if it can be used now. Costs one query; or none where the credential itself is bad,
   * and for an access token where `bearerCheck` is `stateless`.
   * @throws {@link Unauthenticated} with the reason
   */
  async authenticate(credential: Credential): Promise<Principal> {
    if (this.#parts.config.bearerCheck === "stateless" && credential.scheme === "Bearer") {
      const { claims, scheme } = await this.#verifyBearerAnyAge(credential.token);
      if (scheme === "JWT") {
        this.#parts.kinds.access.requireInTime(claims);
        return new TokenUser(claims);
      }
    }
    return this.loadUser(credential);
  }

  /**
   * The same as {@link AuthenticationService.authenticate}, but the database is always asked.
   * @throws {@link Unauthenticated} with the reason
   */
  async loadUser({ scheme, token }: Credential): Promise<Principal> {
    const { row } =
      scheme === "Token" ? await this.#verifyStatic(token) : await this.#verifyBearer(token);
    this.#parts.sessions.touch(row);
    return new Principal(row);
  }

  /**
   * Logs a user in by password. Unknown, wrong, inactive and locked are alike, also in time: a password is always hashed.
   * @throws {@link InvalidCredentials}; {@link TooManyRequests} before anything is hashed; {@link ServiceUnavailable}
   * when too many are; {@link BadUserInput} when an argument could be nobody's
   */
  async login(login: Login, password: string, scheme: AuthScheme, client: Client): Promise<Issued> {
    const { accounts, attempts, config, hasher, throttle } = this.#parts;
    const account = await accounts.findAccount(login);
    const counter = counterOf(account, login);
    try {
      await throttle.login(counter, client.ipAddress);
      const isRight = await hasher.verify(account?.passwordHash ?? null, password);
      if (account !== null && !isRight) attempts.recordFailure(account, client);
      // Who is refused waits for no statement: how long it takes must not tell that the password was right.
      if (account === null || !isRight || !attempts.isAllowed(account))
        throw new InvalidCredentials();
      for (const hooks of this.#parts.hooks) await hooks.beforeLogin?.(account, client);
      if (!(await attempts.recordSuccess(account, password))) throw new InvalidCredentials();
      const issued = await this.#open(account, scheme, null, client);
      if (issued === null) throw new InvalidCredentials();
      await throttle.loginSucceeded(counter);
      return issued;
    } catch (error) {
      if (error instanceof InvalidCredentials || error instanceof TooManyRequests) {
        const { reason = "invalid_credentials" } = error;
        config.onEvent({ type: "login_failed", login: nameOf(login), reason }, client);
      }
      throw error;
    }
  }

  /**
   * Makes a static token for a user, without a password: for administrators and scripts.
   * @throws {@link BadUserInput} when there is no such active user, or the label is malformed
   */
  async createStaticToken(login: Login, label: string | null): Promise<Issued> {
    const account = await this.#parts.accounts.findAccount(login);
    const issued = account && (await this.#open(account, "TOKEN", label, NO_CLIENT));
    if (issued === null) throw new BadUserInput("There is no such user, or the user is inactive.");
    return issued;
  }

  async #open(
    account: Account,
    scheme: AuthScheme,
    label: string | null,
    client: Client,
  ): Promise<Issued | null> {
    const { kinds, sessions } = this.#parts;
    const id = randomBytes(16).toString("hex");
    const made = scheme === "TOKEN" ? generateStaticToken(id) : null;
    const secretHash = made?.secretHash ?? null;
    const row = await sessions.open(account, { id, scheme, label, secretHash, client });
    return row && issueTokens(kinds, row, made?.token ?? null);
  }

  /**
   * Trades a refresh token for a new pair of the same session, or a sliding token for its successor. Only that token
   * counts, never the header.
   * @throws {@link Unauthenticated} with the reason; {@link TooManyRequests}
   */
  async refresh(token: string, client: Client = NO_CLIENT): Promise<Issued> {
    const { config, kinds, sessions, throttle } = this.#parts;
    await throttle.request(client.ipAddress);
    const { claims, scheme } = this.#verifyRotating(token);
    await throttle.refresh(claims.sid, client.ipAddress);
    for (const hooks of this.#parts.hooks) await hooks.beforeRefresh?.({ id: claims.sub }, client);
    const row = await sessions.rotate(claims, scheme, client);
    config.onEvent({ type: "token_refreshed", userId: row.userId, sessionId: row.id }, client);
    return issueTokens(kinds, row, null);
  }

  /** The claims of a refresh or sliding token of any age: whether it has expired, is for its session to say. */
  #verifyRotating(token: string): { claims: RotatingClaims; scheme: AuthScheme } {
    const { refresh, sliding } = this.#parts.kinds;
    try {
      return { claims: refresh.verifyAnyAge(token), scheme: "JWT" };
    } catch (error) {
      if (!(error instanceof TokenWrongType)) throw error;
      return { claims: sliding.verifyAnyAge(token), scheme: "SLIDING" };
    }
  }

  /**
   * What any of our tokens is good for now, or null where it is good for nothing.
   * @throws {@link TooManyRequests}: it is an oracle
   */
  async verifyToken(token: string, client: Client = NO_CLIENT): Promise<Verification | null> {
    await this.#parts.throttle.request(client.ipAddress);
    return this.findUse(token);
  }

  /** The same, for a token that nobody is told of. */
  async findUse(token: string): Promise<Verification | null> {
    try {
      return await this.#verifyAny(token);
    } catch (error) {
      if (error instanceof Unauthenticated) return null;
      throw error;
    }
  }

  async #verifyAny(token: string): Promise<Verification> {
    if (looksLikeStaticToken(token)) {
      const { row } = await this.#verifyStatic(token);
      return { principal: new Principal(row), tokenType: "Token", expiresAt: row.expiresAt };
    }
    try {
      const { row, claims } = await this.#verifyBearer(token);
      return { principal: new Principal(row), tokenType: "Bearer", expiresAt: claims.exp * 1000 };
    } catch (error) {
      if (!(error instanceof TokenWrongType)) throw error;
    }
    const claims = this.#parts.kinds.refresh.verify(token);
    const row = this.#requireGeneration(claims, await this.#findLive(claims, "JWT"));
    return { principal: new Principal(row), tokenType: null, expiresAt: row.refreshExpiresAt };
  }

  /**
   * Ends one session: that of the refresh or sliding token if there is one, else that of the header's credential.
   * Ending what has ended already succeeds, and so does an expired token: nothing is left to revoke.
   * @throws {@link TokenNotValid}, {@link TokenWrongType}, {@link NoCredentials}; {@link TooManyRequests}
   * @see RFC 7009 2
   */
  async logout(
    { credential, user, authError, client }: AuthContext,
    refresh: string | null,
  ): Promise<{ scheme: AuthScheme; hasEnded: boolean }> {
    if (user === null) await this.#parts.throttle.request(client.ipAddress);
    if (refresh !== null) {
      const { claims, scheme } = this.#verifyRotating(refresh);
      if (user !== null && user.id !== claims.sub) throw new TokenNotValid();
      return { scheme, hasEnded: await this.#end(claims, client) };
    }
    if (credential === null) throw authError ?? new NoCredentials();
    if (credential.scheme === "Token") {
      const row = await this.#findStatic(credential.token);
      const owner = row && { sid: row.id, sub: row.userId };
      return { scheme: "TOKEN", hasEnded: owner !== null && (await this.#end(owner, client)) };
    }
    const { claims, scheme } = await this.#verifyBearerAnyAge(credential.token);
    return { scheme, hasEnded: await this.#end(claims, client) };
  }

  #end({ sid, sub }: Pick<Claims, "sid" | "sub">, client: Client): Promise<boolean> {
    return this.#parts.sessions.end(sid, sub, "logout", client);
  }

  async #verifyBearer(token: string): Promise<{ row: SessionRow; claims: Claims }> {
    const { access, sliding } = this.#parts.kinds;
    const { claims, scheme } = await this.#verifyBearerAnyAge(token);
    if (scheme === "JWT") {
      access.requireInTime(claims);
      return { row: await this.#findLive(claims, scheme), claims };
    }
    const current = sliding.verify(token);
    return { row: this.#requireGeneration(current, await this.#findLive(current, scheme)), claims };
  }

  /** The claims of an access or sliding token. A key that we do not know may be one that another instance just made. */
  async #verifyBearerAnyAge(token: string): Promise<{ claims: Claims; scheme: AuthScheme }> {
    if (looksLikeStaticToken(token)) throw new TokenWrongType();
    const { keys, kinds } = this.#parts;
    try {
      return { claims: kinds.access.verifyAnyAge(token), scheme: "JWT" };
    } catch (error) {
      if (error instanceof TokenWrongType) {
        return { claims: kinds.sliding.verifyAnyAge(token), scheme: "SLIDING" };
      }
      const mayBeNew = error instanceof UnknownKey && (await keys.reloadAtMostOnceASecond());
      if (!mayBeNew) throw error;
      return { claims: kinds.access.verifyAnyAge(token), scheme: "JWT" };
    }
  }

  async #findLive({ sid, sub }: Claims, scheme: AuthScheme): Promise<SessionRow> {
    const row = await this.#parts.sessions.find(sid);
    // A session outlives its tokens in the database, so only a deleted user leaves a good token without one.
    if (row === null) throw new UserNotFound();
    if (row.userId !== sub || row.scheme !== scheme) throw new TokenNotValid();
    return this.#requireNoRefusal(row);
  }

  /** Of refresh and sliding tokens only the session's last one is good. */
  #requireGeneration(claims: RotatingClaims, row: SessionRow): SessionRow {
    if (claims.gen !== row.generation) throw new TokenRevoked();
    if ((row.refreshExpiresAt ?? 0) <= this.#parts.config.now()) throw new TokenExpired();
    return row;
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
    const row = await this.#parts.sessions.find(parsed.sessionId);
    return row !== null && isSecretOf(row.secretHash, parsed.secret) ? row : null;
  }

  #requireNoRefusal(row: SessionRow): SessionRow {
    const refusal = findRefusal(row, this.#parts.config.now());
    if (refusal !== null) throw refusal;
    return row;
  }
}

/**
 * What the failures of a login are counted under. A user has one counter, whether it is the name or the address that is
 * tried. Nobody has one for each, or the other would tell that there is nobody.
 */
function counterOf(account: Account | null, login: Login): string {
  if (account !== null) return `user ${account.id}`;
  return `${"username" in login ? "username" : "email"} ${canonicalLogin(login)}`;
}

/** As it was typed: an audit trail may need to know. */
function nameOf(login: Login): string {
  return "username" in login ? login.username : login.email;
}
