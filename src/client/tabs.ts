import type { Credentials } from "./credentials.js";
import type { Failure } from "./failure.js";
import {
  type AuthStorage,
  type Channel,
  platform,
  sleep,
  type StorageListener,
} from "./platform.js";
import { settle, type Store } from "./store.js";

/** The message that a tab publishes when it replaces its credentials. */
export interface TabMessage {
  /** The id of the session whose credentials the tab replaced, or null if the tab had no session. */
  readonly session: string | null;
  readonly credentials: Credentials | null;
  readonly error: Failure | null;
}

type Run = (hasWaited: boolean) => Promise<void>;

/** The other tabs of this origin that have a client of the same server and authentication scheme. */
export interface Tabs {
  publish(message: TabMessage): void;
  /**
   * Calls `run` under a lock that only one tab holds at a time. If this tab cannot get the lock in time, or the browser
   * has no locks and the tabs share no storage, calls `run` without a lock. Two tabs may then send the same refresh
   * token. Within the reuse window, the server accepts that token from both tabs.
   * @param run must not reject. Its argument says whether another tab held the lock. The changes of that tab may not
   * have arrived yet.
   */
  withLock(run: Run): Promise<void>;
  close(): void;
}

/**
 * How long to wait for a lock that another tab holds, and how long a lease is valid, in milliseconds. This is half of
 * the server's default reuse window. If the other tab closed during a refresh, the server still accepts the
 * same refresh token from this tab in the second half of the window.
 */
const LOCK_TIMEOUT = 5_000;

/**
 * Connects to the other tabs.
 * @param onChange called with each message of another tab, and without a message after another tab changed the storage
 */
export function openTabs(
  name: string,
  store: Pick<Store, "shared">,
  onChange: (message?: TabMessage) => void,
): Tabs {
  let channel: Channel | undefined;
  /** The last run of this tab. The runs of one tab take turns even without a lock. */
  let last = Promise.resolve();
  const onStorage: StorageListener = ({ key }) => {
    if (key === name || key === null) onChange();
  };
  try {
    channel = platform.BroadcastChannel && new platform.BroadcastChannel(name);
  } catch {
    // A browser that forbids the storage may forbid channels, too.
  }
  if (channel) {
    channel.onmessage = ({ data }) => {
      onChange(data as TabMessage);
    };
    channel.unref?.();
  }
  // Needed besides the channel: a message can arrive before this tab's storage shows the change.
  platform.addEventListener?.("storage", onStorage);

  async function lock(run: Run): Promise<void> {
    const locks = platform.navigator?.locks;
    const { shared } = store;
    if (!locks) return shared ? withLease(shared, `${name}:lease`, run) : run(false);
    let isTaken = false;
    try {
      isTaken = await locks.request(name, { ifAvailable: true }, async (free) => {
        if (free) await run(false);
        return free === null;
      });
      const signal = AbortSignal.timeout(LOCK_TIMEOUT);
      if (isTaken) await locks.request(name, { signal }, () => run(true));
    } catch {
      await run(isTaken);
    }
  }

  return {
    publish(message) {
      channel?.postMessage(message);
    },
    withLock(run) {
      last = last.then(() => lock(run));
      return last;
    },
    close() {
      channel?.close();
      channel = undefined;
      platform.removeEventListener?.("storage", onStorage);
    },
  };
}

/**
 * Calls `run` while this tab holds a lease in the shared storage. Used in browsers without locks. After writing the
 * lease, waits and reads it again: another tab may have written its own lease at the same moment.
 */
async function withLease(storage: AuthStorage, key: string, run: Run): Promise<void> {
  const end = performance.now() + LOCK_TIMEOUT;
  const read = async () => (await settle(storage.getItem(key))) ?? "";
  let lease: string;
  let hasWaited = false;
  try {
    do {
      while (isHeld(await read())) {
        hasWaited = true;
        if (performance.now() >= end) throw new Error("The other tabs hold the lease too long.");
        await sleep(50);
      }
      lease = `${Date.now()}:${Math.random()}`;
      await settle(storage.setItem(key, lease));
      await sleep(20);
    } while ((await read()) !== lease && performance.now() < end);
  } catch {
    return run(hasWaited);
  }
  await run(hasWaited);
  try {
    if ((await read()) === lease) await settle(storage.removeItem(key));
  } catch {
    // A lease that cannot be removed expires by itself.
  }
}

/**
 * Returns whether a lease is still valid. A lease from the future is not valid: the clock has been set back since the
 * lease was written.
 */
function isHeld(lease: string): boolean {
  const age = Date.now() - parseInt(lease);
  return age >= 0 && age < LOCK_TIMEOUT;
}
