import {
  type GrantData,
  IN_COOKIE,
  isOfSession,
  isRenewalDue,
  toCredentials,
} from "./credentials.js";
import { executeWithRetries } from "./execute.js";
import { asRefusal, type Failure, NO_TOKEN } from "./failure.js";
import { REFRESH } from "./operations.js";
import type { ResolvedOptions } from "./options.js";
import type { Session } from "./session.js";

/** Renews the credentials of a session. No method rejects. */
export interface Renewal {
  readonly isDue: () => boolean;
  readonly refresh: () => Promise<void>;
  readonly getAuthorization: () => Promise<string | null>;
  /**
   * Returns the `Authorization` header to repeat a request with, or null if a retry cannot help.
   * @param authorization the header of the request
   * @param refusal null if the response refuses no credential; undefined for a refusal without a reason
   */
  readonly recover: (
    authorization: string | null | undefined,
    refusal?: Failure | null,
  ) => Promise<string | null>;
}

/**
 * Milliseconds for which new credentials are not renewed after a refusal without a reason: a service that refuses
 * these would refuse the next ones too.
 */
const MIN_AGE = 30_000;

/** Creates the renewal of a session. Refreshes run one at a time. */
export function createRenewal(session: Session, { endpoint, isCookie }: ResolvedOptions): Renewal {
  let running: Promise<void> | undefined;
  /** Monotonic time before which a failed refresh is not retried. */
  let retryAt = 0;

  async function renew(): Promise<void> {
    const before = session.credentials;
    await session.withLock(async () => {
      session.sync();
      if (session.credentials !== before) return;
      const { data, failure = NO_TOKEN } = await executeWithRetries<GrantData>(endpoint, {
        query: REFRESH,
        variables: { refresh: before?.refresh ?? IN_COOKIE },
      });
      // A login or logout since then wins, in this tab or another.
      session.sync();
      if (session.credentials !== before) return;
      const credentials = toCredentials(data, isCookie);
      const refusal = asRefusal(failure);
      if (credentials) session.replace(credentials, null);
      else if (refusal) session.replace(null, refusal);
      else if (failure.reason === "no_credentials") session.record(null, null);
      else {
        retryAt = performance.now() + (failure.retryAfter ?? 1) * 1000;
        session.record(before, failure);
      }
    });
  }

  function canRefresh(): boolean {
    const { credentials } = session;
    return credentials !== null && credentials?.refresh !== null && performance.now() >= retryAt;
  }

  function refresh(): Promise<void> {
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
    async getAuthorization() {
      if (isDue()) await refresh();
      return session.state.authorization;
    },
    async recover(authorization, refusal) {
      if (!authorization || refusal === null) return null;
      const sent = session.credentials;
      if (sent?.authorization === authorization) {
        if (!refusal && Date.now() - sent.receivedAt < MIN_AGE) return null;
        if (sent.refresh !== null) await refresh();
        else if (refusal) session.replace(null, refusal);
      }
      const { credentials } = session;
      const isRenewed = credentials && credentials.authorization !== authorization;
      return isRenewed && isOfSession(authorization, credentials)
        ? credentials.authorization
        : null;
    },
  };
}
