import { ask, askAgain } from "./ask.js";
import { createAuthFetch } from "./auth-fetch.js";
import { type Failure, findRefusal, type GraphQLErrorLike, asRefusal } from "./failure.js";
import { type Login, toLogin } from "./login.js";
import type {
  AuthScheme,
  EmailLoginMutation,
  EmailLoginMutationVariables,
  LoginMutation,
  LoginMutationVariables,
  LogoutAllMutation,
  LogoutMutation,
} from "./operations.generated.js";
import { EMAIL_LOGIN, GRANT, LOGIN, LOGOUT, LOGOUT_ALL } from "./operations.js";
import { type AuthClientOptions, resolveOptions } from "./options.js";
import { createRenewal, NO_TOKEN } from "./renewal.js";
import { openSession } from "./session.js";
import type { AuthState } from "./state.js";

/**
 * A login, kept alive. Only `authFetch` rejects, where `fetch` does; what else went wrong is in the state that is given.
 * Of logins and logouts that overlap, the last that was asked for counts. The methods need no `this`.
 */
export interface AuthClient {
  readonly scheme: "jwt" | "token" | "sliding";
  /** Logs in by user name and password. A failure leaves the login that there was. */
  readonly login: (username: string, password: string) => Promise<AuthState>;
  /** Logs in by e-mail address and password. */
  readonly emailLogin: (email: string, password: string) => Promise<AuthState>;
  /**
   * Ends this session, here at once and at the server. Where the server could not be told, the state has the error; a
   * cookie, which only the server can take away, is then still there, and so one is still signed in.
   */
  readonly logout: () => Promise<AuthState>;
  /** Ends all sessions of the user, or says in the state why not. */
  readonly logoutAll: () => Promise<AuthState>;
  /** `fetch` with the `Authorization` header, for allowed origins only, and with one retry after a refresh. */
  readonly authFetch: typeof fetch;
  /** Where this client stands now: the same object until something changes. */
  readonly getSession: () => AuthState;
  /** Calls `listener` after each change, until the function that is given back is called. */
  readonly subscribe: (listener: () => void) => () => void;
  /** The `Authorization` header for a request that is sent now; renewed first, where it is about to expire. */
  readonly getAuthorization: () => Promise<string | null>;
  /** Whether {@link AuthClient.getAuthorization} would ask the server first. */
  readonly isRenewalDue: () => boolean;
  /** Renews the login: once for all who ask at the same time, in this tab and the others. */
  readonly refresh: () => Promise<AuthState>;
  /**
   * What to do with a request that was refused: gives the `Authorization` header to repeat it with, once, or null where
   * that is of no use. The state then says why.
   * @param authorization what the request was sent with
   * @param errors of its GraphQL answer; left out for a 401 that has none
   */
  readonly recover: (
    authorization: string | null | undefined,
    errors?: readonly GraphQLErrorLike[],
  ) => Promise<string | null>;
  /** Stops hearing other tabs. */
  readonly close: () => void;
}

/**
 * Creates a client of one auth server. It asks nothing before it is used: whether a cookie has a session is found out at
 * the first `subscribe`, `getAuthorization` or `authFetch`.
 * @throws TypeError that names the option which is wrong
 */
export function createAuthClient(options: AuthClientOptions): AuthClient {
  const config = resolveOptions(options);
  const { scheme, isCookie, endpoint } = config;
  const session = openSession(config);
  const renewal = createRenewal(session, config);
  const authFetch = createAuthFetch(config, renewal);
  const wireScheme = scheme.toUpperCase() as AuthScheme;

  /** Cookies are set in the order of the answers, so with them nothing may overtake a refresh. */
  const inTurn = isCookie ? session.exclusively : (run: () => Promise<void>) => run();

  /** Of logins and logouts: the last call counts, not the last answer. */
  let lastTurn = 0;

  async function logIn(
    query: string,
    variables: LoginMutationVariables | EmailLoginMutationVariables,
  ): Promise<AuthState> {
    const turn = ++lastTurn;
    await inTurn(async () => {
      const { data, failure } = await ask<LoginMutation | EmailLoginMutation>(endpoint, {
        query: query + GRANT,
        variables,
      });
      const login = toLogin(data && Object.values(data)[0], isCookie);
      if (turn !== lastTurn) await (login && end(login, null));
      else if (login) session.change(login, null);
      else session.note(session.login, failure ?? NO_TOKEN);
    });
    return session.state;
  }

  /** Ends a session at the server. Gives why that could not be done. */
  async function end(
    login: Login | undefined,
    refresh = isCookie ? "" : (login?.refresh ?? null),
  ): Promise<Failure | null> {
    const { failure = null } = await askAgain<LogoutMutation>(endpoint, {
      query: LOGOUT,
      variables: { refresh },
      authorization: refresh === null ? login?.authorization : null,
    });
    // The browser has lost the cookie.
    if (refresh === "" && failure?.reason === "no_credentials") return end(login, null);
    return asRefusal(failure) ? null : failure;
  }

  async function logout(): Promise<AuthState> {
    const turn = ++lastTurn;
    const { login } = session;
    if (login === null) return session.state;
    if (!isCookie) session.change(null, null);
    await inTurn(async () => {
      const failure = await end(login);
      if (turn !== lastTurn) return;
      if (failure) session.note(session.login, failure);
      else if (isCookie) session.change(null, null);
    });
    return session.state;
  }

  async function logoutAll(isSecond = false): Promise<AuthState> {
    const turn = ++lastTurn;
    const authorization = await renewal.getAuthorization();
    if (!authorization) return session.state;
    const { data, failure, isRepeat } = await askAgain<LogoutAllMutation>(endpoint, {
      query: LOGOUT_ALL,
      authorization,
    });
    const refusal = asRefusal(failure);
    const canRepeat = !isSecond && !isRepeat && (await renewal.recover(authorization, refusal));
    if (turn !== lastTurn) return session.state;
    if (canRepeat) return logoutAll(true);
    // What was done before its answer was lost has ended this session too.
    if (data || (isRepeat && refusal)) {
      // Only the server can take its cookie away.
      if (isCookie) return logout();
      session.change(null, null);
    } else if (session.login) session.note(session.login, failure);
    return session.state;
  }

  return {
    scheme,
    login: (username, password) => logIn(LOGIN, { username, password, scheme: wireScheme }),
    emailLogin: (email, password) => logIn(EMAIL_LOGIN, { email, password, scheme: wireScheme }),
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
