import type { Account } from "../accounts/account.js";
import type { Login } from "../accounts/accounts.js";
import { InvalidCredentials } from "../accounts/errors.js";
import { enteredName } from "../accounts/identifiers.js";
import { requireHashable } from "../accounts/password-hasher.js";
import { idOf, type UserRef } from "../accounts/user-ref.js";
import { Unauthenticated } from "../errors.js";
import { type AuthScheme, type Client, NO_CLIENT } from "../events.js";
import { Principal } from "../sessions/principal.js";
import {
  type InsertedSession,
  type OpenedSession,
  requireScheme,
  type SessionOpening,
} from "../sessions/session-opener.js";
import { TokenUser } from "../sessions/token-user.js";
import type { ApplicationClaims } from "../tokens/claims.js";
import type { VerifiedToken } from "../tokens/token-kinds.js";
import type { Authentication } from "./authentication.js";
import type { AuthenticationParts } from "./authentication-parts.js";
import type { Credential } from "./authorization-header.js";
import { hookUserOf } from "./hooks.js";
import { logout, logoutRequest, type Requester, type RequestLogout } from "./logout.js";
import { checkPassword, counterOf, reportRefusal, requirePassword } from "./password-check.js";
import { refresh } from "./refresh.js";
import { reportExpired } from "./report-expired.js";
import { NO_SECOND_STEP, type ProvedLogin, type SecondStep } from "./second-step.js";
import type { SignIn } from "./sign-in.js";
import type { Issued } from "./token-issuer.js";
import type { Verification } from "./token-verifier.js";

export class AuthenticationService implements Authentication {
  readonly #parts: AuthenticationParts;
  #secondStep = NO_SECOND_STEP;
  #isStatelessRefused: ((verified: VerifiedToken) => boolean) | undefined;

  constructor(parts: AuthenticationParts) {
    this.#parts = parts;
  }

  /**
   * Sets the check for a second step. The check runs after the first proof was accepted, so that only the right user
   * learns that the account has a second factor. It also runs after all `beforeLogin` hooks, so that an application can
   * veto the login first.
   */
  requireSecondStep(step: SecondStep): void {
    this.#secondStep = step;
  }

  /** Sets which access tokens are checked in the database even with `bearerCheck: "stateless"`. */
  refuseStateless(isRefused: (verified: VerifiedToken) => boolean): void {
    this.#isStatelessRefused = isRefused;
  }

  /**
   * Returns the user of a request's credential, usually with one query. With `bearerCheck: "stateless"`, an access
   * token normally costs no query.
   * @throws {@link Unauthenticated} with the reason
   */
  async authenticate(credential: Credential): Promise<Principal | TokenUser> {
    const { settings, verifier } = this.#parts;
    const isStateless = settings.bearerCheck === "stateless" && credential.scheme === "Bearer";
    if (!isStateless) return this.loadUser(credential);
    const verified = await verifier.verifyBearer(credential.token);
    const { type, adopt } = verified.kind;
    // Only the database knows the users of another system's tokens.
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
   * Calls `onChange`, normally within a second, when an accepted credential expires, when its session ends, and when
   * its user gets another role. Works with every value of `bearerCheck`.
   * @returns a function that stops watching
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

  /**
   * Logs a user in by password. Hashes the password even if the user is unknown, because a fast response would reveal
   * that.
   */
  async login(
    login: Login,
    password: string,
    scheme: AuthScheme = "JWT",
    client: Client = NO_CLIENT,
  ): Promise<Issued> {
    const { accounts, attempts, sessions, settings } = this.#parts;
    // First check the password and the scheme, because malformed input must not count as a failed login.
    requireHashable(password);
    requireScheme(scheme);
    const found = await accounts.findAccount(login);
    const logIn = async () => {
      const counter = counterOf(found, login);
      const account = await checkPassword(this.#parts, found, { counter, password, client });
      const { id: userId, credentialsVersion } = account;
      const methods = ["pwd"] as const;
      const proved = { userId, client, credentialsVersion, methods, scheme };
      return this.#complete(proved, async (opening) => {
        const inserted = await attempts.recordSuccess(account, password, settings.now(), (run) =>
          sessions.insert(run, account, opening),
        );
        if (inserted === null) throw new InvalidCredentials();
        return inserted;
      });
    };
    return reportRefusal(logIn, (reason) => {
      const known = found && { userId: found.id };
      settings.onEvent(
        { type: "login_failed", login: enteredName(login), ...known, reason },
        client,
      );
    });
  }

  /**
   * Logs in a user who has already proved by `methods` who they are. Logins other than by password alone call this
   * method.
   * @throws {@link InvalidCredentials} when the user does not exist or is inactive, or when the credentials have
   * changed since the proof
   * @throws the error of {@link SignIn.begin}
   * @throws {@link Vetoed}, {@link BadUserInput} and {@link ServiceUnavailable} in the cases of
   * {@link Authentication.login}
   */
  async signIn(userId: string, login: SignIn): Promise<Issued> {
    const { accounts, attempts, sessions, settings } = this.#parts;
    const { methods, scheme = "JWT", client = NO_CLIENT, begin } = login;
    requireScheme(scheme);
    const account = await accounts.findAccountById(userId);
    if (!account?.isActive) throw new InvalidCredentials();
    const { credentialsVersion = account.credentialsVersion } = login;
    const proved = { userId, client, credentialsVersion, methods, scheme };
    const resetsCount = methods.includes("pwd") || login.isSecondStep === true;
    return this.#complete(proved, (opening) =>
      attempts.recordSignIn(userId, { loginAt: settings.now(), resetsCount }, async (run) => {
        await begin?.(run);
        return sessions.insert(run, userId, opening);
      }),
    );
  }

  /**
   * Completes a login: runs the hooks and the check for a second step, and opens the session.
   * @param insert records the login and inserts the session, in one transaction
   */
  async #complete(
    login: ProvedLogin,
    insert: (opening: SessionOpening) => Promise<InsertedSession>,
  ): Promise<Issued> {
    const { userId, client, credentialsVersion, methods, scheme } = login;
    const { hooks, issuer, sessions } = this.#parts;
    await hooks.before("beforeLogin", { id: userId }, client, { methods, scheme });
    await this.#secondStep.require(login);
    const claims = scheme === "JWT" ? await issuer.claimsFor(userId) : {};
    const condition = this.#secondStep.needsNone(methods);
    const opening = { scheme, client, credentialsVersion, methods, condition };
    const issued = this.#issue(await sessions.finish(await insert(opening)), claims);
    await hooks.after("afterLogin", hookUserOf(issued), client);
    return issued;
  }

  /** See {@link requirePassword}. */
  requirePassword(userId: string, password: string, client: Client = NO_CLIENT): Promise<Account> {
    return requirePassword(this.#parts, userId, password, client);
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

  refresh(token: string, client: Client = NO_CLIENT): Promise<Issued> {
    return refresh(this.#parts, token, client);
  }

  /**
   * Does the same as {@link AuthenticationService.refresh}, but refuses a sliding token.
   * @param isRotating false for clients that never store a new refresh token. Their token stays current until it
   * expires
   */
  refreshPair(token: string, isRotating: boolean, client: Client): Promise<Issued> {
    return refresh(this.#parts, token, client, { types: ["refresh"], isRotating });
  }

  async verifyToken(token: string, client: Client = NO_CLIENT): Promise<Verification | null> {
    const verification = await this.findVerification(token, client);
    return verification?.principal.mustEnrol === true ? null : verification;
  }

  /**
   * Does the same as `verifyToken`, but also accepts the tokens of a user who must first add a second factor. Limits
   * the rate of requests, because anyone can use this method to guess tokens.
   */
  async findVerification(token: string, client: Client): Promise<Verification | null> {
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

  logout(token: string, client: Client = NO_CLIENT): Promise<boolean> {
    return logout(this.#parts, token, client);
  }

  /** See {@link logoutRequest}. */
  logoutRequest(requester: Requester, refresh: string | null): Promise<RequestLogout> {
    return logoutRequest(this.#parts, requester, refresh);
  }
}
