import { sleep } from "./ask.js";
import type { Failure } from "./failure.js";
import type { Login } from "./login.js";
import { type AuthStorage, type Channel, platform, type StorageListener } from "./platform.js";

/** What a tab tells the others. */
export interface News {
  /** Of which session; null for a login that replaces none. */
  readonly session: string | null;
  readonly login: Login | null;
  readonly error: Failure | null;
}

/** The other tabs of this origin with a client of the same server and scheme. */
export interface Tabs {
  tell(news: News): void;
  /** Runs alone among the tabs. Where that cannot be had, it runs all the same: the server's reuse window is there. */
  exclusively(run: () => Promise<void>): Promise<void>;
  close(): void;
}

/**
 * In milliseconds: after this a tab that holds up the others is not waited for. What it asked for last can still be had
 * then: half of the server's reuse window is left.
 */
const PATIENCE = 5_000;

/** Opens the connection to the other tabs. `hear` is called without news where another tab changed the storage. */
export function openTabs(
  name: string,
  getShared: () => AuthStorage | null,
  hear: (news?: News) => void,
): Tabs {
  let channel: Channel | undefined;
  const onStorage: StorageListener = ({ key }) => {
    if (key === name || key === null) hear();
  };
  try {
    channel = platform.BroadcastChannel && new platform.BroadcastChannel(name);
  } catch {
    // Some browsers forbid it where they forbid the storage.
  }
  if (channel) {
    channel.onmessage = ({ data }) => {
      hear(data as News);
    };
    channel.unref?.();
  }
  // Besides the channel: a browser can deliver a message before this tab's storage shows what it is about.
  platform.addEventListener?.("storage", onStorage);

  return {
    tell(news) {
      channel?.postMessage(news);
    },
    async exclusively(run) {
      const locks = platform.navigator?.locks;
      const shared = getShared();
      if (!locks) return shared ? withLease(shared, `${name}:lease`, run) : run();
      try {
        await locks.request(name, { signal: AbortSignal.timeout(PATIENCE) }, run);
      } catch {
        await run();
      }
    },
    close() {
      channel?.close();
      channel = undefined;
      platform.removeEventListener?.("storage", onStorage);
    },
  };
}

/** Runs while our name stands in a shared storage. Two tabs that write at the same moment are told apart by a pause. */
async function withLease(
  storage: AuthStorage,
  key: string,
  run: () => Promise<void>,
): Promise<void> {
  const end = performance.now() + PATIENCE;
  const read = () => storage.getItem(key) ?? "";
  let lease: string;
  try {
    do {
      while (isHeld(read())) await sleep(50);
      lease = `${Date.now()}:${Math.random()}`;
      storage.setItem(key, lease);
      await sleep(20);
    } while (read() !== lease && performance.now() < end);
  } catch {
    return run();
  }
  await run();
  try {
    if (read() === lease) storage.removeItem(key);
  } catch {
    // It runs out by itself.
  }
}

/** Whether a lease is younger than our patience; one from the future is of a clock that was set back. */
function isHeld(lease: string): boolean {
  const age = Date.now() - parseInt(lease);
  return age >= 0 && age < PATIENCE;
}
