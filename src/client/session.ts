import type { Failure } from "./failure.js";
import type { Login } from "./login.js";
import type { ResolvedOptions } from "./options.js";
import { type AuthState, toState } from "./state.js";
import { openStore } from "./store.js";
import { type News, openTabs } from "./tabs.js";

/** The login of this client, in step with its storage and with the other tabs. */
export interface Session {
  /** Undefined: not known yet. */
  readonly login: Login | null | undefined;
  readonly state: AuthState;
  readonly subscribe: (listener: () => void) => () => void;
  /** Another login, or none: kept, and told to the other tabs. */
  change(login: Login | null, error: Failure | null): void;
  /** The same login, and what went wrong; or that there is none, which is news to this tab only. */
  note(login: Login | null | undefined, error: Failure | null): void;
  /** Takes over what another tab may have kept. */
  sync(): void;
  /** Runs alone among the tabs. */
  readonly exclusively: (run: () => Promise<void>) => Promise<void>;
  readonly close: () => void;
}

/** Opens the login that is kept, if there is one. A cookie's is not known before the server was asked. */
export function openSession({ storage, isCookie, name }: ResolvedOptions): Session {
  const store = openStore(storage, name);
  const tabs = storage === "memory" ? null : openTabs(name, () => store.shared, hear);
  const listeners = new Set<() => void>();
  let login = isCookie ? undefined : store.read();
  let state = toState(login, null, store.hasFailed);
  let latest: News | undefined;

  function note(next: Login | null | undefined, error: Failure | null): void {
    login = next;
    state = toState(login, error, store.hasFailed);
    for (const listener of [...listeners]) {
      try {
        listener();
      } catch (thrown) {
        // Reported like an event listener's: it is not to end a refresh halfway.
        setTimeout(() => {
          throw thrown;
        });
      }
    }
  }

  function keep(next: Login | null): void {
    if (!isCookie) store.write(next);
  }

  /**
   * A storage that is shared has the last word. It may show a change before or after the news of it come, which alone
   * say why. Without one, a tab has a login of its own, unless it was copied.
   */
  function hear(news?: News): void {
    if (store.shared) {
      latest = news ?? latest;
      const next = store.read();
      const told = latest?.login?.token === next?.token ? latest : undefined;
      if (next?.token !== login?.token || (news && told?.error)) note(next, told?.error ?? null);
      if (told) latest = undefined;
    } else if (news && ((isCookie && news.login) || news.session === login?.session)) {
      keep(news.login);
      note(news.login, news.error);
    }
  }

  return {
    get login() {
      return login;
    },
    get state() {
      return state;
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
    change(next, error) {
      const session = login?.session ?? null;
      latest = undefined;
      keep(next);
      note(next, error);
      tabs?.tell({ session, login: next, error });
    },
    note,
    sync() {
      hear();
    },
    exclusively: (run) => (tabs ? tabs.exclusively(run) : run()),
    close() {
      tabs?.close();
    },
  };
}
