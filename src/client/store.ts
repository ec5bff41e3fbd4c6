import type { Credentials } from "./credentials.js";
import { type AuthStorage, platform } from "./platform.js";

export type StorageKind = "memory" | "sessionStorage" | "localStorage" | "cookie";

export interface Store {
  /** The storage that the tabs share. Null if the tabs share none, or if the storage has failed. */
  readonly shared: AuthStorage | null;
  /** Whether the storage has failed, for example because it is full. The credentials are then only in memory. */
  readonly hasFailed: boolean;
  /** Reads an asynchronous storage into memory. Undefined if the storage is synchronous. */
  readonly load: (() => Promise<void>) | undefined;
  read(): Credentials | null;
  /** @returns a promise if the storage is asynchronous, otherwise undefined */
  write(credentials: Credentials | null): Promise<void> | undefined;
}

/** An asynchronous storage that does not answer for this many milliseconds counts as failed. */
const TIMEOUT = 5_000;

/**
 * Opens this client's entry in a storage. If the storage fails, tries to remove the entry, and then uses only memory.
 * @param onFailure called when an asynchronous storage fails
 */
export function openStore(
  kind: StorageKind | AuthStorage,
  key: string,
  onFailure: () => void,
): Store {
  let storage: AuthStorage | null = null;
  let hasFailed = false;
  let inMemory: Credentials | null = null;
  /**
   * The latest access to an asynchronous storage. Accesses run one after another. Otherwise an older write could
   * overwrite a newer one.
   */
  let last: Promise<void> = Promise.resolve();

  function attempt<T>(use: () => T): T | undefined {
    try {
      return use();
    } catch {
      void giveUp();
      return undefined;
    }
  }

  async function giveUp(): Promise<void> {
    const failed = storage;
    storage = null;
    hasFailed = true;
    try {
      // Remove the old refresh token. Otherwise the next visit would send it. The server would treat it as stolen, and
      // end the session.
      await failed?.removeItem(key);
    } catch {
      // If the storage has failed, the removal may fail, too.
    }
  }

  async function finish(use: () => unknown): Promise<void> {
    try {
      await settle(use());
    } catch {
      await settle(giveUp()).catch(() => undefined);
      onFailure();
    }
  }

  function inTurn(use: (storage: AuthStorage) => unknown): Promise<void> {
    last = last.then(() => finish(() => storage && use(storage)));
    return last;
  }

  if (typeof kind === "object") storage = kind;
  else if (kind.endsWith("Storage")) {
    storage = attempt(() => platform[kind as "localStorage"]) ?? null;
    hasFailed = storage === null;
  }
  let first = attempt(() => storage?.getItem(key));
  const isAsync = isPromise(first);

  function load(): Promise<void> {
    const before = inMemory;
    return inTurn(async (from) => {
      const reading = first ?? from.getItem(key);
      first = undefined;
      const credentials = parseCredentials(await reading);
      // If `write` was called during the read, keep the written credentials.
      if (inMemory === before) inMemory = credentials;
    });
  }

  return {
    get shared() {
      return kind === "sessionStorage" ? null : storage;
    },
    get hasFailed() {
      return hasFailed;
    },
    load: isAsync ? load : undefined,
    read() {
      if (isAsync) return inMemory;
      const text = attempt(() => storage?.getItem(key) as string | null | undefined);
      return text === undefined ? inMemory : (inMemory = parseCredentials(text));
    },
    write(credentials) {
      inMemory = credentials;
      const use = (to: AuthStorage | null) =>
        credentials ? to?.setItem(key, JSON.stringify(credentials)) : to?.removeItem(key);
      if (isAsync) return inTurn(use);
      const result = attempt(() => use(storage));
      return isPromise(result) ? finish(() => result) : undefined;
    },
  };
}

/** Waits for `result`. Rejects after {@link TIMEOUT}. */
export function settle<Value>(result: Value | Promise<Value>): Promise<Value> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(reject, TIMEOUT);
    Promise.resolve(result)
      .finally(() => {
        clearTimeout(timer);
      })
      .then(resolve, reject);
  });
}

function isPromise(result: unknown): boolean {
  return typeof (result as Promise<unknown> | null | undefined)?.then === "function";
}

function parseCredentials(text: string | null): Credentials | null {
  try {
    const credentials = JSON.parse(text ?? "null") as Credentials | null;
    return credentials?.authorization && credentials.session && credentials.user.id
      ? credentials
      : null;
  } catch {
    return null;
  }
}
