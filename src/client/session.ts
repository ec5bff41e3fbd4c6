import type { Credentials } from "./credentials.js";
import type { Failure } from "./failure.js";
import type { ResolvedOptions } from "./options.js";
import { type AuthState, toState } from "./state.js";
import { openStore } from "./store.js";
import { openTabs, type TabMessage } from "./tabs.js";

/** The session of this client, in step with its storage and with the other tabs. */
export interface Session {
  /** Null: signed out. Undefined: not known yet. */
  readonly credentials: Credentials | null | undefined;
  readonly state: AuthState;
  readonly subscribe: (listener: () => void) => () => void;
  /** Replaces the credentials, stores them, and publishes them to the other tabs. */
  replace(credentials: Credentials | null, error: Failure | null): void;
  /** Changes the state of this tab only. */
  record(credentials: Credentials | null | undefined, error: Failure | null): void;
  /** Takes over credentials that another tab has stored. */
  readonly sync: () => void;
  /** Runs with a lock that only one tab holds at a time. */
  readonly withLock: (run: () => Promise<void>) => Promise<void>;
  readonly close: () => void;
}

/** Opens the stored session, if there is one. Only the server knows whether the cookie has one. */
export function openSession({ storage, isCookie, name }: ResolvedOptions): Session {
  const store = openStore(storage, name);
  const tabs = storage === "memory" ? null : openTabs(name, store, sync);
  const listeners = new Set<() => void>();
  let credentials = isCookie ? undefined : store.read();
  let state = toState(credentials, null, store.hasFailed);
  /** A message whose change the shared storage does not show yet. */
  let pending: TabMessage | undefined;

  function record(next: Credentials | null | undefined, error: Failure | null): void {
    credentials = next;
    state = toState(credentials, error, store.hasFailed);
    for (const listener of [...listeners]) {
      try {
        listener();
      } catch (thrown) {
        // Reported like the error of an event listener: it must not stop a refresh halfway.
        setTimeout(() => {
          throw thrown;
        });
      }
    }
  }

  function write(next: Credentials | null): void {
    if (!isCookie) store.write(next);
  }

  /** Follows the other tabs: all of them if storage or cookie is shared, otherwise those with a copy of the session. */
  function sync(message?: TabMessage): void {
    if (store.shared) readShared(message);
    else if (
      message &&
      ((isCookie && message.credentials) || message.session === credentials?.session)
    ) {
      write(message.credentials);
      record(message.credentials, message.error);
    }
  }

  /** A change may reach the storage before or after its message, and only the message has the error. */
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
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    replace(next, error) {
      const session = credentials?.session ?? null;
      pending = undefined;
      write(next);
      record(next, error);
      tabs?.publish({ session, credentials: next, error });
    },
    record,
    sync,
    withLock: (run) => (tabs ? tabs.withLock(run) : run()),
    close() {
      tabs?.close();
    },
  };
}
