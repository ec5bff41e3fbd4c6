import type { Account, AccountService } from "../accounts/account.service.js";
import type { Login } from "../accounts/accounts.js";
import { parseLogin } from "../accounts/identifiers.js";
import type { LoginAttempts } from "../accounts/login-attempts.js";
import { type PasswordHasher, requireHashable } from "../accounts/password-hasher.js";
import { idOf, type UserRef } from "../accounts/user-ref.js";
import type { AuthConfig } from "../config/auth-config.js";
import {
  InvalidCredentials,
  NoCredentials,
  TokenNotValid,
  TooManyRequests,
  Unauthenticated,
} from "../errors.js";
import { type AuthScheme, type Client, holderOf, NO_CLIENT } from "../events.js";
import type { AuthMethod } from "../sessions/methods.js";
import { Principal } from "../sessions/principal.js";
import {
  type OpenedSession,
  requireScheme,
  type SessionOpening,
} from "../sessions/session-opener.js";
import type { SessionRow } from "../sessions/session-reader.js";
import type { SessionService } from "../sessions/session.service.js";
import { TokenUser } from "../sessions/token-user.js";
import { counterOfUser, type Throttle } from "../throttling/throttle.js";
import type { ApplicationClaims } from "../tokens/claims.js";
import type { TokenSession, VerifiedToken } from "../tokens/token-kinds.js";
import type { Authentication } from "./authentication.js";
import type { Credential } from "./authorization-header.js";
import type { AuthContext } from "./context.js";
import type { HookRunner, HookUser, LoginAttempt } from "./hooks.js";
import { reportExpired } from "./report-expired.js";
import type { Issued, TokenIssuer } from "./token-issuer.js";
import type { TokenVerifier, Verification } from "./token-verifier.js";

export interface AuthenticationParts {
  readonly settings: Pick<AuthConfig, "bearerCheck" | "now" | "onEvent" | "roles">;
  readonly accounts: AccountService;
  readonly attempts: LoginAttempts;
  readonly hasher: PasswordHasher;
  readonly throttle: Throttle;
  readonly sessions: SessionService;
  readonly issuer: TokenIssuer;
  readonly verifier: TokenVerifier;
  readonly hooks: HookRunner;
}

/** A login by other means than a password alone. */
export interface SignIn {
  readonly methods: readonly AuthMethod[];
  /** @default "JWT" */
  readonly scheme?: AuthScheme;
  readonly client?: Client;
  /** The user's `credentialsVersion` when the first proof was checked. @default the stored one */
  readonly credentialsVersion?: number;
}

/** A login whose user has proved who they are, but whose session is not open yet. */
export interface ProvedLogin extends LoginAttempt {
  readonly userId: string;
  readonly client: Client;
  /** The user's `credentialsVersion` when the first proof was checked. */
  readonly credentialsVersion: number;
}

/**
 * Decides whether a login needs a second step.
 * @throws {@link AuthError} if it does
 */
export type SecondStep = (login: ProvedLogin) => Promise<void>;

export type Requester = Pick<AuthContext, "credential" | "user" | "authError" | "client">;

export class AuthenticationService implements Authentication {
  readonly #parts: AuthenticationParts;
  #secondStep: SecondStep = () => Promise.resolve();
  #isStatelessRefused: ((verified: VerifiedToken) => boolean) | undefined;

  constructor(parts: AuthenticationParts) {
    this.#parts = parts;
  }

  /**
   * Sets what runs last in each login, after all hooks. So an application's veto comes first, and a client never learns
   * that a login needs a second step before its first proof was accepted.
   */
  requireSecondStep(step: SecondStep): void {
    this.#secondStep = step;
  }

  /**
   * Sets which access tokens do not prove enough without the database. Matters only with `bearerCheck: "stateless"`.
   */
  refuseStateless(isRefused: (verified: VerifiedToken) => boolean): void {
    this.#isStatelessRefused = isRefused;
  }

  /**
   * Returns the user of a request's credential, usually with one query. With `bearerCheck: "stateless"`, an access
   * token costs no query.
   * @throws {@link Unauthenticated} with the reason
   */
  authenticate(credential: Credential): Promise<Principal | TokenUser> {
    const isStateless = this.#parts.settings.bearerCheck === "stateless";
    return isStateless && credential.scheme === "Bearer"
      ? this.#authenticateStateless(credential)
      : this.loadUser(credential);
  }

  async #authenticateStateless(credential: Credential): Promise<Principal | TokenUser> {
    const { settings, verifier } = this.#parts;
    const verified = await verifier.verifyBearer(credential.token);
    const { type, adopt } = verified.kind;
    // Another system issued the token, so only the database says whether its user may come in.
    if (type !== "access" || adopt !== undefined) return this.loadUser(credential);
    if (this.#isStatelessRefused?.(verified) === true) return this.loadUser(credential);
    return new TokenUser(verified, settings.roles);
  }

  /**
   * Returns the user from the database, even with `bearerCheck: "stateless"`.
   * @throws {@link Unauthenticated} with the reason
   */
  async loadUser(credential: Credential): Promise<Principal> {
    const { sessions, settings, verifier } = this.#parts;
    const row = await verifier.authenticate(credential);
    sessions.touch(row);
    return new Principal(row, settings);
  }

  /**
   * Calls `onChange` within about a second when an accepted credential expires, its session ends, or its user gets
   * another role. `bearerCheck` does not matter here.
   * @returns a function that stops this
   */
  watch(
    credential: Credential,
    user: Principal | TokenUser,
    onChange: () => Promise<void>,
  ): () => void {
    const { sessions, verifier } = this.#parts;
    return sessions.watch({
      id: user.session.id,
      role: user instanceof Principal ? user.role : null,
      expiresAt: verifier.expiryOf(credential),
      onChange,
    });
  }

  /** Hashes the password even for an unknown user. Otherwise a fast response would reveal that the user is unknown. */
  async login(
    login: Login,
    password: string,
    scheme: AuthScheme = "JWT",
    client: Client = NO_CLIENT,
  ): Promise<Issued> {
    const { accounts, attempts, hooks, issuer, sessions, settings } = this.#parts;
    // These checks come first, because malformed input must not count as a failed login.
    requireHashable(password);
    requireScheme(scheme);
    const found = await accounts.findAccount(login);
    try {
      const account = await this.#checkPassword(found, counterOf(found, login), password, client);
      const { id: userId, credentialsVersion } = account;
      const methods = ["pwd"] as const;
      await this.#approve({ userId, client, credentialsVersion, methods, scheme });
      const claims = scheme === "JWT" ? await issuer.claimsFor(userId) : {};
      const opening = { scheme, client, credentialsVersion, methods };
      const inserted = await attempts.recordSuccess(account, password, settings.now(), (run) =>
        sessions.insert(run, account, opening),
      );
      if (inserted === null) throw new InvalidCredentials();
      const issued = this.#issue(await sessions.finish(inserted), claims);
      await hooks.after("afterLogin", hookUserOf(issued), client);
      return issued;
    } catch (error) {
      if (error instanceof InvalidCredentials || error instanceof TooManyRequests) {
        const { reason = "invalid_credentials" } = error;
        const known = found && { userId: found.id };
        settings.onEvent({ type: "login_failed", login: nameOf(login), ...known, reason }, client);
      }
      throw error;
    }
  }

  /**
   * Logs a user in who has proved by `methods` who they are. Every login but that by password alone ends here.
   * @throws {@link InvalidCredentials} when the user does not exist or is inactive, or when the credentials have changed
   * since the proof
   * @throws {@link Vetoed}, {@link BadUserInput} and {@link ServiceUnavailable} as {@link AuthenticationService.login}
   */
  async signIn(userId: string, login: SignIn): Promise<Issued> {
    const { accounts, attempts, hooks, issuer, sessions, settings } = this.#parts;
    const { methods, scheme = "JWT", client = NO_CLIENT } = login;
    requireScheme(scheme);
    const account = await accounts.findAccountById(userId);
    if (!account?.isActive) throw new InvalidCredentials();
    const { credentialsVersion = account.credentialsVersion } = login;
    await this.#approve({ userId, client, credentialsVersion, methods, scheme });
    const claims = scheme === "JWT" ? await issuer.claimsFor(userId) : {};
    const opening = { scheme, client, credentialsVersion, methods };
    const recorded = { loginAt: settings.now(), isByPassword: methods.includes("pwd") };
    const inserted = await attempts.recordSignIn(userId, recorded, (run) =>
      sessions.insert(run, userId, opening),
    );
    const issued = this.#issue(await sessions.finish(inserted), claims);
    await hooks.after("afterLogin", hookUserOf(issued), client);
    return issued;
  }

  async #approve(login: ProvedLogin): Promise<void> {
    const { userId, client, methods, scheme } = login;
    await this.#parts.hooks.before("beforeLogin", { id: userId }, client, { methods, scheme });
    await this.#secondStep(login);
  }

  /**
   * Checks the password of a signed-in user, with the rate limits and the lock of a login.
   * @returns the account before the check. The caller can compare its `credentialsVersion` with the stored one. They
   * differ if the password was changed after the check
   * @throws {@link InvalidCredentials} for a wrong password, and for a locked account
   * @throws {@link TooManyRequests} when a rate limit is reached
   * @throws {@link BadUserInput} when the password is malformed
   */
  async requirePassword(
    userId: string,
    password: string,
    client: Client = NO_CLIENT,
  ): Promise<Account> {
    const { accounts, attempts, settings } = this.#parts;
    requireHashable(password);
    const found = await accounts.findAccountById(userId);
    try {
      const account = await this.#checkPassword(found, counterOfUser(userId), password, client);
      const checked = await attempts.recordSuccess(account, password, null, () =>
        Promise.resolve(account),
      );
      if (checked === null) throw new InvalidCredentials();
      return checked;
    } catch (error) {
      if (error instanceof InvalidCredentials || error instanceof TooManyRequests) {
        const { reason = "invalid_credentials" } = error;
        settings.onEvent({ type: "password_refused", userId, reason }, client);
      }
      throw error;
    }
  }

  /**
   * Checks a password, with the rate limits and the lock that all password checks share.
   * @param counter the name of the counter of failures
   * @throws {@link InvalidCredentials}, {@link TooManyRequests}
   */
  async #checkPassword(
    account: Account | null,
    counter: string,
    password: string,
    client: Client,
  ): Promise<Account> {
    const { attempts, hasher, throttle } = this.#parts;
    // The password of an inactive or locked account is not checked: a right one costs less than a wrong one, so the time
    // would reveal it.
    const checked = account !== null && attempts.isAllowed(account) ? account : null;
    const isAccepted = await throttle.login(counter, client, async () => {
      const isRight = await hasher.verify(checked?.passwordHash ?? null, password);
      if (checked !== null && !isRight) attempts.recordFailure(checked, client);
      return isRight;
    });
    // An inactive or locked account is refused here, too: its password was not checked.
    if (account === null || !isAccepted) throw new InvalidCredentials();
    return account;
  }

  async createStaticToken(user: UserRef, label: string | null = null): Promise<Issued> {
    return this.issue(user, { scheme: "TOKEN", label });
  }

  /** Opens a session without a password check, and returns its tokens. */
  async issue(user: UserRef, opening: SessionOpening): Promise<Issued> {
    const claims = opening.scheme === "JWT" ? await this.#parts.issuer.claimsFor(idOf(user)) : {};
    return this.#issue(await this.#parts.sessions.open(user, opening), claims);
  }

  #issue({ row, token }: OpenedSession, claims: ApplicationClaims): Issued {
    return this.#parts.issuer.issue(row, { staticToken: token, claims });
  }

  async refresh(token: string, client: Client = NO_CLIENT): Promise<Issued> {
    const { sessions, verifier } = this.#parts;
    return this.#refresh(
      () => verifier.verifyRotating(token),
      (verified) => sessions.rotate(verified, client),
      client,
    );
  }

  /**
   * Refreshes, but accepts only a refresh token.
   * @param isRotating false for clients that never store a new refresh token. Their token stays current until it
   * expires
   */
  async refreshPair(token: string, isRotating: boolean, client: Client): Promise<Issued> {
    const { sessions, verifier } = this.#parts;
    return this.#refresh(
      () => verifier.verifyRotating(token, ["refresh"]),
      (verified) =>
        isRotating ? sessions.rotate(verified, client) : sessions.requireCurrent(verified, client),
      client,
    );
  }

  /** @param exchange returns the session, with the generation for the next refresh token */
  async #refresh(
    verify: () => Promise<VerifiedToken>,
    exchange: (verified: VerifiedToken) => Promise<SessionRow>,
    client: Client,
  ): Promise<Issued> {
    const { hooks, issuer, settings, throttle } = this.#parts;
    await throttle.request(client);
    const verified = await verify();
    const { id: sessionId, userId } = verified.session;
    await throttle.refresh(sessionId, client);
    await hooks.before("beforeRefresh", { id: userId }, client);
    const isPair = verified.kind.type === "refresh";
    const claims = isPair ? await issuer.claimsFor(userId, verified) : {};
    const row = await exchange(verified).catch((error: unknown) => {
      reportExpired(error, client, settings.onEvent);
      throw error;
    });
    const holder = holderOf(verified.session, client);
    settings.onEvent({ type: "token_refreshed", userId, sessionId }, holder);
    const issued = issuer.issue(row, { claims, predecessor: verified });
    await hooks.after("afterRefresh", hookUserOf(issued), client);
    return issued;
  }

  /** Limits requests, because anyone can call this method to try tokens. */
  async verifyToken(token: string, client: Client = NO_CLIENT): Promise<Verification | null> {
    const { settings, throttle, verifier } = this.#parts;
    await throttle.request(client);
    try {
      return await verifier.verify(token);
    } catch (error) {
      reportExpired(error, client, settings.onEvent);
      if (error instanceof Unauthenticated) return null;
      throw error;
    }
  }

  async logout(token: string, client: Client = NO_CLIENT): Promise<boolean> {
    const { throttle, verifier } = this.#parts;
    await throttle.request(client);
    return this.#end(await verifier.findSession(token), client);
  }

  /**
   * Ends the session of the refresh or sliding token in `refresh`. If `refresh` is null, ends the session of the
   * request's credential. Accepts an expired token.
   * @throws {@link TokenNotValid} when the token is not valid, or belongs to another user than the signed-in one
   * @throws {@link TokenWrongType} when the token is of the wrong kind
   * @throws {@link TooManyRequests} when no user is signed in, and the client has sent too many requests
   * @throws {@link NoCredentials} when `refresh` is null, and the request has no credential
   * @throws {@link BadAuthorizationHeader} when `refresh` is null, and the `Authorization` header is malformed
   * @see RFC 7009 2
   */
  async logoutRequest(
    { credential, user, authError, client }: Requester,
    refresh: string | null,
  ): Promise<{ scheme: AuthScheme; hasEnded: boolean }> {
    const { throttle, verifier } = this.#parts;
    if (user === null) await throttle.request(client);
    if (refresh !== null) {
      const { session } = await verifier.verifyRotating(refresh);
      if (user !== null && user.id !== session.userId) throw new TokenNotValid();
      return { scheme: session.scheme, hasEnded: await this.#end(session, client) };
    }
    if (credential === null) throw authError ?? new NoCredentials();
    const session = await verifier.findSessionOf(credential);
    return { scheme: session?.scheme ?? "TOKEN", hasEnded: await this.#end(session, client) };
  }

  async #end(session: TokenSession | null, client: Client): Promise<boolean> {
    if (session === null) return false;
    const { id, userId } = session;
    return this.#parts.sessions.end(id, userId, "logout", holderOf(session, client));
  }
}

/**
 * Names the counter of failed logins, such as `user 1a2b` or `email ada@example.com`. Unknown users have counters too.
 * Otherwise a missing rate limit would reveal that the user is unknown.
 */
function counterOf(account: Account | null, login: Login): string {
  if (account !== null) return counterOfUser(account.id);
  const { field, canonical } = parseLogin(login);
  return `${field} ${canonical}`;
}

function hookUserOf({ principal: { id, username, email } }: Issued): Required<HookUser> {
  return { id, username, email };
}

/** Returns the user name or e-mail address as it was entered. */
function nameOf(login: Login): string {
  return "username" in login ? login.username : login.email;
}
