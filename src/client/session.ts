import type { Credentials } from "./credentials.js";
import type { Failure } from "./failure.js";
import type { ResolvedOptions } from "./options.js";
import { type AuthState, toState } from "./state.js";
import { openStore } from "./store.js";
import { openTabs, type TabMessage, type Tabs } from "./tabs.js";

/** The session of this client, kept in sync with its storage and with the other tabs. */
export interface Session {
  /** Null: signed out. Undefined: not known yet. */
  readonly credentials: Credentials | null | undefined;
  readonly state: AuthState;
  readonly subscribe: (listener: () => void) => () => void;
  /** Resolves when an asynchronous storage has been read. Undefined for a synchronous storage. */
  readonly loading: Promise<void> | undefined;
  /**
   * Replaces and stores the credentials, and sends them to the other tabs.
   * @returns a promise if storing is asynchronous, otherwise undefined
   */
  replace(credentials: Credentials | null, error: Failure | null): Promise<void> | undefined;
  /** Changes the state of this tab only. */
  record(credentials: Credentials | null | undefined, error: Failure | null): void;
  /** Takes over credentials that another tab has stored. */
  readonly sync: () => Promise<void>;
  /** Runs a function under a lock that only one tab holds at a time. */
  readonly withLock: Tabs["withLock"];
  readonly close: () => void;
}

/** Opens the stored session. With storage `"cookie"`, only the server knows whether there is a session. */
export function openSession({ storage, isCookie, name }: ResolvedOptions): Session {
  const store = openStore(storage, name, () => {
    record(credentials, state.error);
  });
  const tabs = storage === "memory" ? null : openTabs(name, store, (message) => void sync(message));
  const listeners = new Set<() => void>();
  let credentials = isCookie || store.load ? undefined : store.read();
  let state = toState(credentials, null, hasFailed());
  const loading = store.load?.().then(() => {
    if (credentials === undefined) record(store.read(), null);
  });
  /** Another tab's message about a change that the shared storage does not show yet. */
  let pending: TabMessage | undefined;

  function record(next: Credentials | null | undefined, error: Failure | null): void {
    credentials = next;
    state = toState(credentials, error, hasFailed());
    for (const listener of [...listeners]) {
      try {
        listener();
      } catch (thrown) {
        // A listener's error must not stop a refresh. The timer throws the error again, so that the platform reports
        // it.
        setTimeout(() => {
          throw thrown;
        });
      }
    }
  }

  function write(next: Credentials | null): Promise<void> | undefined {
    return isCookie ? undefined : store.write(next);
  }

  /**
   * Returns whether the session is lost when this page closes. A missing refresh token means that the browser did not
   * keep the cookie.
   */
  function hasFailed(): boolean {
    return store.hasFailed || (isCookie && credentials?.refresh === null);
  }

  /**
   * Takes over another tab's change. Reads the new credentials from a storage that the tabs share, such as
   * `localStorage`. Without such a storage, takes the credentials from the message:
   * - With storage `"cookie"`, all tabs share one session. So every message with credentials is accepted.
   * - Otherwise each tab may have its own session. So a message is accepted only if it is about this tab's session.
   * - A message without credentials, such as after a logout, is also accepted only if it is about this tab's session.
   */
  async function sync(message?: TabMessage): Promise<void> {
    if (store.load) await store.load();
    if (store.shared) readShared(message);
    else if (
      message &&
      ((isCookie && message.credentials) || message.session === credentials?.session)
    ) {
      void write(message.credentials);
      record(message.credentials, message.error);
    }
  }

  /**
   * Takes over the credentials and the error of another tab. The storage has the credentials. The other tab's message
   * has the error, such as `token_expired`. The storage and the message may arrive in either order:
   * - Message first: `pending` keeps the message until the storage has the new credentials.
   * - Storage first: the state gets the credentials now, and the error when the message arrives.
   */
  function readShared(message?: TabMessage): void {
    pending = message ?? pending;
    const next = store.read();
    const matching = pending?.credentials?.token === next?.token ? pending : undefined;
    const error = matching?.error ?? null;
    if (next?.token !== credentials?.token || (message && error)) record(next, error);
    if (matching) pending = undefined;
  }

  return {
    get credentials() {
      return credentials;
    },
    get state() {
      return state;
    },
    loading,
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    replace(next, error) {
      const session = credentials?.session ?? null;
      pending = undefined;
      const publish = () => tabs?.publish({ session, credentials: next, error });
      const written = write(next);
      record(next, error);
      if (!written) publish();
      return written?.then(publish);
    },
    record,
    sync,
    withLock: (run) => (tabs ? tabs.withLock(run) : run(false)),
    close() {
      tabs?.close();
    },
  };
}
