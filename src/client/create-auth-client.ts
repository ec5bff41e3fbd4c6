import type { AuthClient } from "./auth-client.js";
import { createAuthFetch } from "./auth-fetch.js";
import { type Credentials, type GrantData, IN_COOKIE, toCredentials } from "./credentials.js";
import { execute, executeWithRetries } from "./execute.js";
import { asRefusal, type Failure, findRefusal, NO_TOKEN } from "./failure.js";
import type {
  AuthScheme,
  EmailLoginMutationVariables,
  LoginMutationVariables,
  LogoutAllMutation,
  LogoutMutation,
} from "./operations.generated.js";
import { EMAIL_LOGIN, LOGIN, LOGOUT, LOGOUT_ALL } from "./operations.js";
import { type AuthClientOptions, resolveOptions } from "./options.js";
import { createRenewal } from "./renewal.js";
import { openSession } from "./session.js";
import type { AuthState } from "./state.js";

/**
 * Creates a client of one auth server. It sends nothing before it is used: the first `subscribe`, `getAuthorization` or
 * `authFetch` asks the server whether the cookie has a session.
 * @throws TypeError naming the wrong option
 */
export function createAuthClient(options: AuthClientOptions): AuthClient {
  const config = resolveOptions(options);
  const { scheme, isCookie, endpoint } = config;
  const session = openSession(config);
  const renewal = createRenewal(session, config);
  const authFetch = createAuthFetch(config, renewal);

  /** Takes the lock in cookie mode, because responses set the cookie in the order in which they arrive. */
  const withCookieLock = isCookie ? session.withLock : (run: () => Promise<void>) => run();

  /** Counts logins and logouts: the last call wins, not the last response. */
  let lastCall = 0;

  async function logIn(
    query: string,
    identity: Omit<LoginMutationVariables, "scheme"> | Omit<EmailLoginMutationVariables, "scheme">,
  ): Promise<AuthState> {
    const call = ++lastCall;
    await withCookieLock(async () => {
      const { data, failure = NO_TOKEN } = await execute<GrantData>(endpoint, {
        query,
        variables: { ...identity, scheme: scheme.toUpperCase() as AuthScheme },
      });
      const credentials = toCredentials(data, isCookie);
      if (call !== lastCall) await (credentials && endSession(credentials, null));
      else if (credentials) session.replace(credentials, null);
      else session.record(session.credentials, failure);
    });
    return session.state;
  }

  /**
   * Ends a session at the server.
   * @param refresh the refresh token to send; null to send the `Authorization` header instead
   * @returns null, or why the session may not have ended
   */
  async function endSession(
    credentials: Credentials | undefined,
    refresh = credentials ? credentials.refresh : IN_COOKIE,
  ): Promise<Failure | null> {
    const { failure = null } = await executeWithRetries<LogoutMutation>(endpoint, {
      query: LOGOUT,
      variables: { refresh },
      authorization: refresh === null ? credentials?.authorization : null,
    });
    // The cookie is gone, so identify the session by the access token.
    if (refresh === IN_COOKIE && failure?.reason === "no_credentials")
      return endSession(credentials, null);
    return asRefusal(failure) ? null : failure;
  }

  async function logout(): Promise<AuthState> {
    const call = ++lastCall;
    const { credentials } = session;
    if (credentials === null) return session.state;
    if (!isCookie) session.replace(null, null);
    await withCookieLock(async () => {
      const failure = await endSession(credentials);
      if (call !== lastCall) return;
      if (failure) session.record(session.credentials, failure);
      else if (isCookie) session.replace(null, null);
    });
    return session.state;
  }

  async function logoutAll(isSecondTry = false): Promise<AuthState> {
    const call = ++lastCall;
    const authorization = await renewal.getAuthorization();
    if (!authorization) return session.state;
    const { data, failure, isRetry } = await executeWithRetries<LogoutAllMutation>(endpoint, {
      query: LOGOUT_ALL,
      authorization,
    });
    const refusal = asRefusal(failure);
    const canRepeat = !isSecondTry && !isRetry && (await renewal.recover(authorization, refusal));
    if (call !== lastCall) return session.state;
    if (canRepeat) return logoutAll(true);
    // If the first attempt ended all sessions and its response was lost, the retry is refused.
    if (data || (isRetry && refusal)) {
      // Only the server can remove its cookie.
      if (isCookie) return logout();
      session.replace(null, null);
    } else if (session.credentials) session.record(session.credentials, failure);
    return session.state;
  }

  return {
    scheme,
    login: (username, password) => logIn(LOGIN, { username, password }),
    emailLogin: (email, password) => logIn(EMAIL_LOGIN, { email, password }),
    logout,
    logoutAll: () => logoutAll(),
    authFetch,
    getSession: () => session.state,
    subscribe(listener) {
      const unsubscribe = session.subscribe(listener);
      if (session.state.status === "loading") void renewal.refresh();
      return unsubscribe;
    },
    getAuthorization: renewal.getAuthorization,
    isRenewalDue: renewal.isDue,
    async refresh() {
      await renewal.refresh();
      return session.state;
    },
    recover: (authorization, errors) =>
      renewal.recover(authorization, errors && findRefusal(errors)),
    close: session.close,
  };
}
