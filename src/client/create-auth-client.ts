import type { AuthClient } from "./auth-client.js";
import { createAuthFetch } from "./auth-fetch.js";
import { type Credentials, type GrantData, IN_COOKIE, toCredentials } from "./credentials.js";
import { execute, executeWithRetries, type Operation, type Result } from "./execute.js";
import { asRefusal, type Failure, findRefusal, NO_SESSION, NO_TOKEN } from "./failure.js";
import type {
  AuthScheme,
  EmailLoginMutationVariables,
  LoginMutationVariables,
  LogoutAllMutation,
  LogoutMutation,
} from "./operations.generated.js";
import { EMAIL_LOGIN, LOGIN, LOGOUT, LOGOUT_ALL } from "./operations.js";
import { type AuthClientOptions, type ResolvedOptions, resolveOptions } from "./options.js";
import { createRenewal } from "./renewal.js";
import { openSession } from "./session.js";
import type { AuthState } from "./state.js";

/**
 * Creates a client of one auth server. Sends no request. With storage `"cookie"`, the first call that needs the
 * session, such as `subscribe`, `getAuthorization` or `authFetch`, asks the server whether the cookie has a session.
 * @throws TypeError that names the wrong option
 */
export function createAuthClient(options: AuthClientOptions): AuthClient {
  return openClient(resolveOptions(options));
}

/**
 * Creates a client from checked options.
 * @internal
 */
export function openClient(config: ResolvedOptions): AuthClient {
  const { scheme, isCookie, endpoint } = config;
  const session = openSession(config);
  const renewal = createRenewal(session, config);
  const authFetch = createAuthFetch(config, renewal);

  /** Counts logins and logouts. Only the response to the latest one may change the state. */
  let lastCall = 0;
  /** The latest login while it runs, with its operation as JSON. */
  let lastLogin:
    { readonly call: number; readonly json: string; readonly done: Promise<unknown> } | undefined;

  /** The number of logins and logouts that wait for the server. */
  let running = 0;

  /**
   * Runs a login or a logout. With storage `"cookie"`, normally only one tab at a time does this, because the tabs
   * share the cookie.
   */
  async function run(send: () => Promise<void>): Promise<AuthState> {
    running += 1;
    await (isCookie ? session.withLock(send) : send());
    running -= 1;
    return session.state;
  }

  /** Returns whether no user is signed in. In that case, the state normally gets the error {@link NO_SESSION}. */
  function lacksSession(): boolean {
    if (session.credentials !== null) return false;
    // A login or logout that is still running will set the state, so do not report an error now.
    if (running === 0) session.record(null, NO_SESSION);
    return true;
  }

  /**
   * Sends an operation with the variable `scheme`, and signs the user in with the tokens of the response. If the login
   * needs a second step, the state gets that failure. The state does not change if another login or logout has started
   * since.
   *
   * If the same operation is called again before its response, for example by a second click, both calls share one
   * request. A code works only once, so a second request would be refused. The client would then also end the session
   * that the first request has opened.
   * @param isRecorded whether the state also gets other failures, such as a wrong password
   */
  function signIn<Data extends GrantData>(
    operation: Operation,
    isRecorded?: boolean,
  ): Promise<Result<Data>> {
    const json = JSON.stringify([operation, isRecorded]);
    if (lastLogin?.call === lastCall && lastLogin.json === json)
      return lastLogin.done as Promise<Result<Data>>;
    const call = ++lastCall;
    const done = sendLogin<Data>(call, operation, isRecorded).finally(() => {
      if (lastLogin?.call === call) lastLogin = undefined;
    });
    lastLogin = { call, json, done };
    return done;
  }

  async function sendLogin<Data extends GrantData>(
    call: number,
    operation: Operation,
    isRecorded?: boolean,
  ): Promise<Result<Data>> {
    await session.loading;
    let result!: Result<Data>;
    await run(async () => {
      result = await execute<Data>(endpoint, {
        ...operation,
        variables: { ...operation.variables, scheme: scheme.toUpperCase() as AuthScheme },
      });
      const given = toCredentials(result.data, isCookie);
      const credentials = given && call === lastCall ? await renewal.confirm(given) : given;
      if (call !== lastCall) await (credentials && endSession(credentials, null));
      else if (credentials) await session.replace(credentials, null);
      else if (isRecorded || result.failure?.challenge)
        session.record(session.credentials, result.failure ?? NO_TOKEN);
    });
    return result;
  }

  async function logIn(
    query: string,
    variables: Omit<LoginMutationVariables, "scheme"> | Omit<EmailLoginMutationVariables, "scheme">,
  ): Promise<AuthState> {
    await signIn({ query, variables }, true);
    return session.state;
  }

  /**
   * Ends a session at the server.
   * @param refresh the refresh token to send. Null sends the `Authorization` header instead
   * @returns the failure if the session may still be open, otherwise null
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
    // The browser has lost the cookie, so send the access token instead.
    if (refresh === IN_COOKIE && credentials && failure?.reason === "no_credentials")
      return endSession(credentials, null);
    return asRefusal(failure) ? null : failure;
  }

  async function logout(): Promise<AuthState> {
    const call = ++lastCall;
    if (session.credentials === undefined) await session.loading;
    const { credentials } = session;
    if (lacksSession()) return session.state;
    const written = isCookie ? undefined : session.replace(null, null);
    return run(async () => {
      const failure = await endSession(credentials ?? undefined);
      await written;
      if (call !== lastCall) return;
      if (failure)
        session.record(failure.reason === "no_credentials" ? null : session.credentials, failure);
      else if (isCookie) await session.replace(null, null);
    });
  }

  async function logoutAll(isSecondTry = false): Promise<AuthState> {
    const call = ++lastCall;
    await session.loading;
    if (lacksSession()) return session.state;
    const authorization = await renewal.getAuthorization();
    if (!authorization) {
      if (session.state.error === null) lacksSession();
      return session.state;
    }
    const { data, failure, isRetry } = await executeWithRetries<LogoutAllMutation>(endpoint, {
      query: LOGOUT_ALL,
      authorization,
    });
    const refusal = asRefusal(failure);
    const canRepeat = !isSecondTry && !isRetry && (await renewal.recover(authorization, refusal));
    if (call !== lastCall) return session.state;
    if (canRepeat) return logoutAll(true);
    // The first request may have ended all sessions although its response was lost. The server then refuses the retry.
    // So a refused retry counts as success.
    if (data || (isRetry && refusal)) {
      // Only the server can remove the cookie, so send a logout.
      if (isCookie) return logout();
      await session.replace(null, null);
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
      if (isCookie && session.state.status === "loading") void renewal.refresh();
      return unsubscribe;
    },
    getAuthorization: renewal.getAuthorization,
    isRenewalDue: renewal.isDue,
    async refresh() {
      await session.loading;
      if (lacksSession()) return session.state;
      const isUnknown = session.credentials === undefined;
      await renewal.refresh(true);
      if (isUnknown && session.state.error === null) lacksSession();
      return session.state;
    },
    recover: (authorization, errors) =>
      renewal.recover(authorization, errors && findRefusal(errors)),
    close: session.close,
    internals: { config, session, renewal, signIn: (operation) => signIn(operation) },
  };
}
