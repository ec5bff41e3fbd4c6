import type { Credentials } from "./credentials.js";
import type { Failure } from "./failure.js";
import type { ResolvedOptions } from "./options.js";
import { type AuthState, toState } from "./state.js";
import { openStore } from "./store.js";
import { openTabs, type TabMessage, type Tabs } from "./tabs.js";

/** The session of this client, in sync with its storage and with the other tabs. */
export interface Session {
  /** Null if no user is signed in. Undefined while the client does not know yet. */
  readonly credentials: Credentials | null | undefined;
  readonly state: AuthState;
  readonly subscribe: (listener: () => void) => () => void;
  /** Resolves after the asynchronous storage has been read. Undefined if the storage is synchronous. */
  readonly loading: Promise<void> | undefined;
  /**
   * Replaces the credentials. Stores them, except with storage `"cookie"`. Sends them to the other tabs, except with
   * storage `"memory"`.
   * @returns a promise if the storage is asynchronous, otherwise undefined
   */
  replace(credentials: Credentials | null, error: Failure | null): Promise<void> | undefined;
  /** Changes the state of this tab only. Stores nothing. */
  record(credentials: Credentials | null | undefined, error: Failure | null): void;
  /** Uses the credentials in the storage that the tabs share. Does nothing if they share none. */
  readonly sync: () => Promise<void>;
  /**
   * Runs a function under a lock that only one tab holds at a time. With storage `"memory"`, there is no lock. If
   * another tab holds the lock for 5 seconds, runs the function without it.
   */
  readonly withLock: Tabs["withLock"];
  readonly close: () => void;
}

/** Opens the stored session. With storage `"cookie"`, only the server knows whether a session exists. */
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
  /** The message of another tab about a change that the shared storage does not show yet. */
  let pending: TabMessage | undefined;

  function record(next: Credentials | null | undefined, error: Failure | null): void {
    credentials = next;
    state = toState(credentials, error, hasFailed());
    for (const listener of [...listeners]) {
      try {
        listener();
      } catch (thrown) {
        // A listener's error must not stop a refresh. The timer throws the error again, and the platform then reports
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
   * Returns whether the storage has failed, so that the session is lost when this page closes. With storage `"cookie"`,
   * `refresh` is null if the browser did not keep the cookie.
   */
  function hasFailed(): boolean {
    return store.hasFailed || (isCookie && credentials?.refresh === null);
  }

  /**
   * Uses the credentials of another tab. If the tabs share a storage, the credentials come from the storage. Otherwise
   * they come from the message, which is accepted in two cases:
   * - The message is about the session that this tab has.
   * - The storage is `"cookie"`, and the message has credentials. All tabs share the cookie, so they share its session.
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
   * Uses the credentials in the shared storage, and the error in another tab's message. The two can arrive in either
   * order:
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
