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
   * Refreshes the tokens. After a failure, does nothing for a pause of at least one second. Each further failure makes
   * the pause longer, and so can the server's `retryAfter`.
   * @param isAsked whether the application asked for the refresh. If so, only `retryAfter` can prevent it
   */
  readonly refresh: (isAsked?: boolean) => Promise<void>;
  /** Checks after a login whether the browser kept the cookie. If it did not, the result has no refresh token. */
  readonly confirm: (credentials: Credentials) => Promise<Credentials>;
  readonly getAuthorization: () => Promise<string | null>;
  /**
   * Returns the `Authorization` header for a retry, or null if a retry cannot help.
   * @param authorization the header of the request
   * @param refusal why the server refused the header. Undefined for a status 401 without a reason. Null if the server
   * did not refuse the header
   */
  readonly recover: (
    authorization: string | null | undefined,
    refusal?: Failure | null,
  ) => Promise<string | null>;
}

/**
 * How old a token must be to be renewed after a refusal without a reason, in milliseconds. A service that refuses a
 * younger token would probably also refuse a new one.
 */
const MIN_AGE = 30_000;

/** The longest time that a change in one tab needs to reach the other tabs, in milliseconds. */
const CHANGE_DELAY = 500;

/**
 * The shortest pause after a failed refresh, in milliseconds. It doubles with each further failure in a row, up to
 * {@link MAX_PAUSE}.
 * Without the pause, the clients of a large service would keep the service down after an outage: see docs/scale.md.
 */
const MIN_PAUSE = 1000;
const MAX_PAUSE = 30_000;

export function createRenewal(session: Session, { endpoint, isCookie }: ResolvedOptions): Renewal {
  let running: Promise<void> | undefined;
  /** The time of `performance.now()` before which no automatic refresh is sent. */
  let retryAt = 0;
  /** The time of `performance.now()` before which the server wants no refresh. */
  let postponedUntil = 0;
  /** How many refreshes have failed since the last one that succeeded or that the server refused. */
  let failures = 0;
  let isCookieKept = isCookie && willKeepCookie(endpoint.url);

  async function renew(): Promise<void> {
    const before = session.credentials;
    await session.withLock(async (hasWaited) => {
      await session.sync();
      // If this tab had to wait for the lock, another tab has probably refreshed. Its new tokens may arrive here a
      // little later.
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
      // If a tab has logged in or out during the request, keep that result.
      await session.sync();
      if (session.credentials !== before) return;
      const credentials = toCredentials(data, isCookie);
      const refusal = asRefusal(failure);
      isCookieKept ||= isCookie && credentials !== null;
      if (credentials ?? refusal) failures = 0;
      if (credentials) await session.replace(credentials, null);
      else if (refusal) await session.replace(null, refusal);
      // A missing cookie is a failure only if this client had credentials before.
      else if (failure.reason === "no_credentials") session.record(null, before ? failure : null);
      else {
        const pause = Math.min(MIN_PAUSE * 2 ** failures, MAX_PAUSE);
        failures += 1;
        postponedUntil = performance.now() + (failure.retryAfter ?? 0) * 1000;
        retryAt = Math.max(postponedUntil, performance.now() + pause) + pause * Math.random();
        session.record(before, failure);
      }
    });
  }

  function canRefresh(): boolean {
    const { credentials } = session;
    return credentials !== null && credentials?.refresh !== null && performance.now() >= retryAt;
  }

  function refresh(isAsked = false): Promise<void> {
    if (isAsked) retryAt = Math.min(retryAt, postponedUntil);
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
      // Scripts cannot see the cookie, so only a refresh shows whether the browser kept it.
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
