import { askAgain } from "./ask.js";
import { type Failure, asRefusal } from "./failure.js";
import { isOfLogin, isRenewalDue, toLogin } from "./login.js";
import type { RefreshMutation } from "./operations.generated.js";
import { GRANT, REFRESH } from "./operations.js";
import type { ResolvedOptions } from "./options.js";
import type { Session } from "./session.js";

/** Keeps a login alive. */
export interface Renewal {
  readonly isDue: () => boolean;
  readonly refresh: () => Promise<void>;
  readonly getAuthorization: () => Promise<string | null>;
  /** With `null` for an answer that refuses no credential, and nothing for a refusal that does not say why. */
  readonly recover: (
    authorization: string | null | undefined,
    refusal?: Failure | null,
  ) => Promise<string | null>;
}

/** Renews the login of a session, one refresh at a time. Nothing of it rejects. */
export function createRenewal(session: Session, { endpoint, isCookie }: ResolvedOptions): Renewal {
  let running: Promise<void> | undefined;
  /** Of the monotonic clock: not before then is a refresh tried again that failed. */
  let pausedUntil = 0;

  async function renew(): Promise<void> {
    const before = session.login;
    await session.exclusively(async () => {
      session.sync();
      if (session.login !== before) return;
      const { data, failure } = await askAgain<RefreshMutation>(endpoint, {
        query: REFRESH + GRANT,
        variables: { refresh: before?.refresh ?? "" },
      });
      // Whoever logged out or in meanwhile has the last word.
      session.sync();
      if (session.login !== before) return;
      const login = toLogin(data?.refreshToken, isCookie);
      const refusal = asRefusal(failure);
      if (login) session.change(login, null);
      else if (failure?.reason === "no_credentials") session.note(null, null);
      else if (refusal) session.change(null, refusal);
      else {
        pausedUntil = performance.now() + (failure?.retryAfter ?? 1) * 1000;
        session.note(before, failure ?? NO_TOKEN);
      }
    });
  }

  function canRefresh(): boolean {
    const { login } = session;
    return login !== null && login?.refresh !== null && performance.now() >= pausedUntil;
  }

  function refresh(): Promise<void> {
    if (!canRefresh()) return Promise.resolve();
    running ??= renew().finally(() => {
      running = undefined;
    });
    return running;
  }

  function isDue(): boolean {
    return canRefresh() && (!session.login || isRenewalDue(session.login));
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
      const sent = session.login;
      if (sent?.authorization === authorization) {
        // A service that refuses what is new will refuse what is newer.
        if (!refusal && Date.now() - sent.receivedAt < RECENT) return null;
        if (sent.refresh !== null) await refresh();
        else if (refusal) session.change(null, refusal);
      }
      const { login } = session;
      const isRenewed = login && login.authorization !== authorization;
      return isRenewed && isOfLogin(authorization, login) ? login.authorization : null;
    },
  };
}

/** In milliseconds: a login that came less than this ago is new. */
const RECENT = 30_000;

/** An answer of another server than ours. */
export const NO_TOKEN = { reason: "bad_answer", message: "The answer has no token." } as const;
