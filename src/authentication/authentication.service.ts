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
import { type AuthScheme, type Client, NO_CLIENT } from "../events.js";
import { Principal } from "../sessions/principal.js";
import { requireScheme, type SessionOpening } from "../sessions/session-opener.js";
import type { SessionService } from "../sessions/session.service.js";
import { TokenUser } from "../sessions/token-user.js";
import type { Throttle } from "../throttling/throttle.js";
import type { ApplicationClaims } from "../tokens/claims.js";
import type { TokenSession } from "../tokens/token-kinds.js";
import type { Authentication } from "./authentication.js";
import type { Credential } from "./authorization-header.js";
import type { AuthContext } from "./context.js";
import type { HookRunner, HookUser } from "./hooks.js";
import { reportExpired } from "./report-expired.js";
import type { Issued, TokenIssuer } from "./token-issuer.js";
import type { TokenVerifier, Verification } from "./token-verifier.js";

/** The services and settings that {@link AuthenticationService} uses. */
export interface AuthenticationParts {
  readonly settings: Pick<AuthConfig, "bearerCheck" | "onEvent" | "roles">;
  readonly accounts: AccountService;
  readonly attempts: LoginAttempts;
  readonly hasher: PasswordHasher;
  readonly throttle: Throttle;
  readonly sessions: SessionService;
  readonly issuer: TokenIssuer;
  readonly verifier: TokenVerifier;
  readonly hooks: HookRunner;
}

/** Authenticates requests, logs users in and out, and refreshes and verifies tokens. */
export class AuthenticationService implements Authentication {
  readonly #parts: AuthenticationParts;

  constructor(parts: AuthenticationParts) {
    this.#parts = parts;
  }

  /**
   * Returns the user of a request's credential. Usually costs one query. Costs no query if the text of the token
   * already shows that the token is not valid. If `bearerCheck` is `stateless`, an access token costs no query either.
   * A further query may reload the signing keys, if the token's key is unknown or another process has changed the keys.
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
    if (verified.kind.type !== "access") return this.loadUser(credential);
    return new TokenUser(verified, settings.roles);
  }

  /**
   * The same as {@link AuthenticationService.authenticate}, but takes the user from the database even if `bearerCheck`
   * is `stateless`.
   * @throws {@link Unauthenticated} with the reason
   */
  async loadUser(credential: Credential): Promise<Principal> {
    const { sessions, settings, verifier } = this.#parts;
    const row = await verifier.authenticate(credential);
    sessions.touch(row);
    return new Principal(row, settings.roles);
  }

  /**
   * The password is hashed even for an unknown user or an inactive account, so that the response time does not reveal
   * which accounts exist or are active.
   */
  async login(
    login: Login,
    password: string,
    scheme: AuthScheme = "JWT",
    client: Client = NO_CLIENT,
  ): Promise<Issued> {
    const { accounts, attempts, hasher, hooks, issuer, settings, throttle } = this.#parts;
    // Checked before anything is counted: malformed input must not count as an attempt.
    requireHashable(password);
    requireScheme(scheme);
    const account = await accounts.findAccount(login);
    const counter = counterOf(account, login);
    try {
      const isAccepted = await throttle.login(counter, client, async () => {
        const isRight = await hasher.verify(account?.passwordHash ?? null, password);
        if (account !== null && !isRight) attempts.recordFailure(account, client);
        return account !== null && isRight && attempts.isAllowed(account);
      });
      // An inactive or locked account is refused at the same point as a wrong password: before the hooks and the
      // writes of a login. Otherwise the response time would reveal that the password was right.
      if (account === null || !isAccepted) throw new InvalidCredentials();
      await hooks.before("beforeLogin", { id: account.id }, client);
      const claims = scheme === "JWT" ? await issuer.claimsFor(account.id) : {};
      if (!(await attempts.recordSuccess(account, password))) throw new InvalidCredentials();
      const { credentialsVersion } = account;
      const issued = await this.#open(account, { scheme, client, credentialsVersion }, claims);
      await hooks.after("afterLogin", hookUserOf(issued), client);
      return issued;
    } catch (error) {
      if (error instanceof InvalidCredentials || error instanceof TooManyRequests) {
        const { reason = "invalid_credentials" } = error;
        settings.onEvent({ type: "login_failed", login: nameOf(login), reason }, client);
      }
      throw error;
    }
  }

  async createStaticToken(user: UserRef, label: string | null = null): Promise<Issued> {
    return this.issue(user, { scheme: "TOKEN", label });
  }

  /**
   * Opens a session without a password, and returns its tokens.
   * @throws the errors of {@link SessionOpener.open} and, for the scheme JWT, of {@link TokenIssuer.claimsFor}
   */
  async issue(user: UserRef, opening: SessionOpening): Promise<Issued> {
    const claims = opening.scheme === "JWT" ? await this.#parts.issuer.claimsFor(idOf(user)) : {};
    return this.#open(user, opening, claims);
  }

  async #open(user: UserRef, opening: SessionOpening, claims: ApplicationClaims): Promise<Issued> {
    const { row, token } = await this.#parts.sessions.open(user, opening);
    return this.#parts.issuer.issue(row, { staticToken: token, claims });
  }

  /** Only the token in the argument counts, never the credential of the request. */
  async refresh(token: string, client: Client = NO_CLIENT): Promise<Issued> {
    const { hooks, issuer, sessions, settings, throttle, verifier } = this.#parts;
    await throttle.request(client);
    const verified = verifier.verifyRotating(token);
    const { id: sessionId, userId } = verified.session;
    await throttle.refresh(sessionId, client);
    await hooks.before("beforeRefresh", { id: userId }, client);
    const isPair = verified.kind.type === "refresh";
    const claims = isPair ? await issuer.claimsFor(userId, verified) : {};
    const row = await sessions.rotate(verified, client).catch((error: unknown) => {
      reportExpired(error, client, settings.onEvent);
      throw error;
    });
    settings.onEvent({ type: "token_refreshed", userId, sessionId }, client);
    const issued = issuer.issue(row, { claims, predecessor: verified });
    await hooks.after("afterRefresh", hookUserOf(issued), client);
    return issued;
  }

  /** Throttled, because the response tells anyone whether a token is good. */
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
   * request's credential. Succeeds even if the session is over or the token has expired.
   * @throws {@link TokenNotValid} when the token is not valid, or `refresh` is a token of another user than the
   * signed-in one
   * @throws {@link TokenWrongType} when the token is of a kind that does not belong in `refresh` or in the header
   * @throws {@link TooManyRequests} when nobody is signed in, and the client has sent too many requests
   * @throws {@link NoCredentials} when `refresh` is null, and the request has no credential
   * @throws {@link BadAuthorizationHeader} when `refresh` is null, and the `Authorization` header is malformed
   * @see RFC 7009 2
   */
  async logoutRequest(
    { credential, user, authError, client }: AuthContext,
    refresh: string | null,
  ): Promise<{ scheme: AuthScheme; hasEnded: boolean }> {
    const { throttle, verifier } = this.#parts;
    if (user === null) await throttle.request(client);
    if (refresh !== null) {
      const { session } = verifier.verifyRotating(refresh);
      if (user !== null && user.id !== session.userId) throw new TokenNotValid();
      return { scheme: session.scheme, hasEnded: await this.#end(session, client) };
    }
    if (credential === null) throw authError ?? new NoCredentials();
    const session = await verifier.findSessionOf(credential);
    return { scheme: session?.scheme ?? "TOKEN", hasEnded: await this.#end(session, client) };
  }

  async #end(session: TokenSession | null, client: Client): Promise<boolean> {
    if (session === null) return false;
    return this.#parts.sessions.end(session.id, session.userId, "logout", client);
  }
}

/**
 * Returns the name of the counter for a login's failures. A user has one counter, shared by the user name and the
 * e-mail address. A user name or address that no user has gets a counter of its own. If logins with it were not
 * counted, the missing rate limit would reveal that no user has it.
 */
function counterOf(account: Account | null, login: Login): string {
  if (account !== null) return `user ${account.id}`;
  const { field, canonical } = parseLogin(login);
  return `${field} ${canonical}`;
}

function hookUserOf({ principal: { id, username, email } }: Issued): Required<HookUser> {
  return { id, username, email };
}

/** Returns the identifier as it was typed, for the audit trail. */
function nameOf(login: Login): string {
  return "username" in login ? login.username : login.email;
}
