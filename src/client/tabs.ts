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

/** The message that a tab sends to the other tabs when its credentials change, as at a login, refresh or logout. */
export interface TabMessage {
  /** The id of the tab's session before the change, or null. */
  readonly session: string | null;
  readonly credentials: Credentials | null;
  readonly error: Failure | null;
}

type Run = (hasWaited: boolean) => Promise<void>;

/** The other tabs of this origin that use the same server and scheme. */
export interface Tabs {
  publish(message: TabMessage): void;
  /**
   * Waits for a lock that only one tab holds at a time, and then calls `run`. Calls `run` without the lock if the wait
   * takes {@link LOCK_TIMEOUT}, or if the browser offers no lock.
   * @param run must not reject. Its argument is true if another tab held the lock
   */
  withLock(run: Run): Promise<void>;
  close(): void;
}

/**
 * How long a tab waits for another tab's lock at most, in milliseconds. After that, it refreshes without the lock. Even
 * if the other tab has just used the same token, the refresh normally succeeds, because the server accepts a used token
 * again for a few seconds.
 */
const LOCK_TIMEOUT = 5_000;

/**
 * Connects to the other tabs.
 * @param onChange called with each message of another tab, and without a message when another tab changes the storage
 */
export function openTabs(
  name: string,
  store: Pick<Store, "shared">,
  onChange: (message?: TabMessage) => void,
): Tabs {
  let channel: Channel | undefined;
  /** Resolves when the latest {@link Tabs.withLock} call of this tab has ended. The next call waits for it. */
  let last = Promise.resolve();
  const onStorage: StorageListener = ({ key }) => {
    if (key === name || key === null) onChange();
  };
  try {
    channel = platform.BroadcastChannel && new platform.BroadcastChannel(name);
  } catch {
    // A browser that blocks the storage may also block channels. This tab then works without a channel.
  }
  if (channel) {
    channel.onmessage = ({ data }) => {
      onChange(data as TabMessage);
    };
    channel.unref?.();
  }
  // A message can arrive before the storage shows the change, so also listen to the storage.
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
 * Replaces `navigator.locks` where it is missing. Writes a lease to the storage: a time and a random number, such as
 * `1700000000000:0.42`. Then waits 20 ms and reads the lease again, because another tab may have overwritten it.
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
    // If the storage has failed, the lease stays until it expires.
  }
}

/**
 * Returns whether a tab holds the lease. A lease with a future time does not count, because the clock was set back
 * after the lease was written.
 */
function isHeld(lease: string): boolean {
  const age = Date.now() - parseInt(lease);
  return age >= 0 && age < LOCK_TIMEOUT;
}
