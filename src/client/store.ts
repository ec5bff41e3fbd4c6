import type { Credentials } from "./credentials.js";
import { type AuthStorage, platform } from "./platform.js";

/** The built-in places for credentials. */
export type StorageKind = "memory" | "sessionStorage" | "localStorage" | "cookie";

/** This client's entry in a storage. */
export interface Store {
  /** The storage that other tabs read too, or null if there is none or it has failed. */
  readonly shared: AuthStorage | null;
  /** Whether the storage is full or forbidden. The credentials are then in memory only. */
  readonly hasFailed: boolean;
  read(): Credentials | null;
  write(credentials: Credentials | null): void;
}

/** Opens this client's entry in a storage. A storage that fails is cleared of the entry and not used again. */
export function openStore(kind: StorageKind | AuthStorage, key: string): Store {
  let storage: AuthStorage | null = null;
  let hasFailed = false;
  let inMemory: Credentials | null = null;

  /** Uses the storage, and gives it up if it throws. */
  function attempt<T>(use: () => T): T | undefined {
    try {
      return use();
    } catch {
      const failed = storage;
      storage = null;
      hasFailed = true;
      // A stale refresh token left behind would look stolen to the server at the next visit.
      if (failed)
        attempt(() => {
          failed.removeItem(key);
        });
      return undefined;
    }
  }

  if (typeof kind === "object") storage = kind;
  else if (kind.endsWith("Storage")) {
    storage = attempt(() => platform[kind as "localStorage"]) ?? null;
    hasFailed = storage === null;
  }
  attempt(() => storage?.getItem(key));

  return {
    get shared() {
      return kind === "sessionStorage" ? null : storage;
    },
    get hasFailed() {
      return hasFailed;
    },
    read() {
      const text = attempt(() => storage?.getItem(key));
      return text === undefined ? inMemory : (inMemory = parseCredentials(text));
    },
    write(credentials) {
      inMemory = credentials;
      attempt(() =>
        credentials ? storage?.setItem(key, JSON.stringify(credentials)) : storage?.removeItem(key),
      );
    },
  };
}

/** Parses a stored entry. Returns null if it is missing or was not written by this client. */
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
