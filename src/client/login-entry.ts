import type { ResolvedOptions } from "./options.js";
import { type AuthStorage, platform } from "./platform.js";

/** A value that the client keeps from the start of a login to its end. No method rejects. */
export interface LoginEntry<Value> {
  readonly read: () => Promise<Value | null>;
  /** @returns whether the value survives a reload. Otherwise it is only in memory */
  readonly write: (value: Value) => Promise<boolean>;
  readonly remove: () => Promise<void>;
}

/**
 * Opens the entry for one purpose. If the option `storage` is an object, the entry is in that storage.
 * @param kind the browser's storage for the entry otherwise. Use `"sessionStorage"` if the login ends in the same tab,
 * and `"localStorage"` if it may end in another
 */
export function openLoginEntry<Value>(
  { name, storage: own }: ResolvedOptions,
  purpose: string,
  kind: "localStorage" | "sessionStorage",
): LoginEntry<Value> {
  const key = `${name}:${purpose}`;
  let inMemory: Value | null = null;

  /** Calls `use` with the storage, and returns its result. Returns undefined if the storage is missing or fails. */
  async function attempt<Outcome>(
    use: (storage: AuthStorage) => Outcome,
  ): Promise<Awaited<Outcome> | undefined> {
    try {
      const storage = typeof own === "object" ? own : platform[kind];
      return storage && (await use(storage));
    } catch {
      return undefined;
    }
  }

  return {
    async read() {
      const text = await attempt((storage) => storage.getItem(key));
      return (parse(text) as Value | null) ?? inMemory;
    },
    async write(value) {
      inMemory = value;
      const isStored = await attempt(async (storage) => {
        await storage.setItem(key, JSON.stringify(value));
        return true;
      });
      return isStored ?? false;
    },
    async remove() {
      inMemory = null;
      await attempt((storage) => storage.removeItem(key));
    },
  };
}

function parse(text: string | null | undefined): unknown {
  try {
    return JSON.parse(text ?? "null");
  } catch {
    return null;
  }
}
