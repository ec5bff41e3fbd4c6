import {
  type Credentials,
  type GrantData,
  IN_COOKIE,
  isOfSession,
  isRenewalDue,
  toCredentials,
} from "./credentials.js";
import { execute, executeWithRetries } from "./execute.js";
import { asRefusal, type Failure, NO_TOKEN } from "./failure.js";
import { REFRESH } from "./operations.js";
import type { ResolvedOptions } from "./options.js";
import { sleep, willKeepCookie } from "./platform.js";
import type { Session } from "./session.js";

/** Renews the credentials of a session. No method rejects. */
export interface Renewal {
  readonly isDue: () => boolean;
  /**
   * Refreshes the tokens. Does nothing for one second after a failure. If the server named another time, such as
   * `retryAfter: 30`, does nothing for that time.
   * @param isAsked whether the application asked for the refresh. Such a refresh does not wait for the one second. It
   * does nothing only during the time that the server named.
   */
  readonly refresh: (isAsked?: boolean) => Promise<void>;
  /** Checks after a login whether the browser kept the cookie. If not, the result has no refresh token. */
  readonly confirm: (credentials: Credentials) => Promise<Credentials>;
  readonly getAuthorization: () => Promise<string | null>;
  /**
   * Returns the `Authorization` header to retry a request with, or null if a retry cannot help.
   * @param authorization the header of the request
   * @param refusal why the server refused the header. Undefined if the response has status 401 but no reason. Null if
   * the server did not refuse the header. In that case, `recover` returns null.
   */
  readonly recover: (
    authorization: string | null | undefined,
    refusal?: Failure | null,
  ) => Promise<string | null>;
}

/**
 * After a refusal without a reason, a token younger than this many milliseconds is not renewed. A service that refuses
 * a new token would also refuse the next one.
 */
const MIN_AGE = 30_000;

/** How many milliseconds a change in one tab may need to reach the other tabs. */
const CHANGE_DELAY = 500;

export function createRenewal(session: Session, { endpoint, isCookie }: ResolvedOptions): Renewal {
  let running: Promise<void> | undefined;
  /** No automatic refresh is sent before this time of `performance.now()`. */
  let retryAt = 0;
  /** Whether the server chose {@link retryAt}. Then a refresh that the application asks for has to wait, too. */
  let isPostponed = false;
  let isCookieKept = isCookie && willKeepCookie(endpoint.url);

  async function renew(): Promise<void> {
    const before = session.credentials;
    await session.withLock(async (hasWaited) => {
      await session.sync();
      // If this tab has waited, another tab has probably refreshed. The change of that tab may arrive here a little
      // later.
      const end = performance.now() + (hasWaited ? CHANGE_DELAY : 0);
      while (session.credentials === before && performance.now() < end) {
        await sleep(25);
        await session.sync();
      }
      if (session.credentials !== before) return;
      const { data, failure = NO_TOKEN } = await executeWithRetries<GrantData>(endpoint, {
        query: REFRESH,
        variables: { refresh: before?.refresh ?? IN_COOKIE },
      });
      // A login or logout in the meantime, in any tab, wins.
      await session.sync();
      if (session.credentials !== before) return;
      const credentials = toCredentials(data, isCookie);
      const refusal = asRefusal(failure);
      isCookieKept ||= isCookie && credentials !== null;
      if (credentials) await session.replace(credentials, null);
      else if (refusal) await session.replace(null, refusal);
      // A missing cookie is a failure only if this client had credentials before.
      else if (failure.reason === "no_credentials") session.record(null, before ? failure : null);
      else {
        isPostponed = failure.retryAfter !== undefined;
        retryAt = performance.now() + (failure.retryAfter ?? 1) * 1000;
        session.record(before, failure);
      }
    });
  }

  function canRefresh(): boolean {
    const { credentials } = session;
    return credentials !== null && credentials?.refresh !== null && performance.now() >= retryAt;
  }

  function refresh(isAsked = false): Promise<void> {
    if (isAsked && !isPostponed) retryAt = 0;
    if (!canRefresh()) return Promise.resolve();
    running ??= renew().finally(() => {
      running = undefined;
    });
    return running;
  }

  function isDue(): boolean {
    return canRefresh() && (!session.credentials || isRenewalDue(session.credentials));
  }

  return {
    isDue,
    refresh,
    async confirm(credentials) {
      if (!isCookie || isCookieKept) return credentials;
      // Scripts cannot see the cookie, so only a refresh shows whether the browser kept the cookie.
      const { data, failure } = await execute<GrantData>(endpoint, {
        query: REFRESH,
        variables: { refresh: IN_COOKIE },
      });
      const renewed = toCredentials(data, isCookie);
      isCookieKept = renewed?.session === credentials.session;
      if (renewed && isCookieKept) return renewed;
      const isRefused = failure?.reason === "no_credentials" || asRefusal(failure) !== null;
      return renewed || isRefused ? { ...credentials, refresh: null } : credentials;
    },
    async getAuthorization() {
      await session.loading;
      if (isDue()) await refresh();
      return session.state.authorization;
    },
    async recover(authorization, refusal) {
      if (!authorization || refusal === null) return null;
      const sent = session.credentials;
      if (sent?.authorization === authorization) {
        if (!refusal && Date.now() - sent.receivedAt < MIN_AGE) return null;
        if (sent.refresh !== null) await refresh();
        else if (refusal) await session.replace(null, refusal);
      }
      const { credentials } = session;
      const isRenewed = credentials && credentials.authorization !== authorization;
      return isRenewed && isOfSession(authorization, credentials)
        ? credentials.authorization
        : null;
    },
  };
}
