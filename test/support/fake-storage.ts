import { setTimeout as sleep } from "node:timers/promises";

/** Imitates a browser's storage. Tabs share it, and get events about changes. */
export class FakeStorage {
  entries = new Map<string, string>();
  /** The listeners of all tabs for the event `storage`. */
  readonly listeners = new Set<(event: { key: string | null }) => void>();
  isFull = false;
  isForbidden = false;

  getItem(key: string): string | null {
    this.#refuseWhere(this.isForbidden, "SecurityError");
    return this.entries.get(key) ?? null;
  }

  setItem(key: string, value: string): void {
    this.#refuseWhere(this.isForbidden, "SecurityError");
    this.#refuseWhere(this.isFull, "QuotaExceededError");
    this.entries.set(key, value);
    this.#publish(key);
  }

  removeItem(key: string): void {
    this.#refuseWhere(this.isForbidden, "SecurityError");
    this.entries.delete(key);
    this.#publish(key);
  }

  #refuseWhere(isRefused: boolean, name: string): void {
    if (isRefused) throw new DOMException("refused", name);
  }

  #publish(key: string): void {
    setTimeout(() => {
      for (const listener of this.listeners) listener({ key });
    });
  }
}

/** Imitates React Native's AsyncStorage. Its accesses take different times, so they can overtake each other. */
export class FakeAsyncStorage {
  /** Whether accesses never end. */
  isStuck = false;

  constructor(readonly entries: FakeStorage) {}

  getItem(key: string): Promise<string | null> {
    return this.#after(10, () => this.entries.getItem(key));
  }

  setItem(key: string, value: string): Promise<void> {
    return this.#after(15, () => {
      this.entries.setItem(key, value);
    });
  }

  removeItem(key: string): Promise<void> {
    return this.#after(1, () => {
      this.entries.removeItem(key);
    });
  }

  async #after<Value>(delay: number, use: () => Value): Promise<Value> {
    if (this.isStuck) await new Promise(() => undefined);
    await sleep(delay);
    return use();
  }
}

/** Defines a global of browsers, and returns a function that restores the previous value. */
export function withGlobal(name: string, value: unknown): () => void {
  const before = Object.getOwnPropertyDescriptor(globalThis, name);
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  return () => {
    if (before) Object.defineProperty(globalThis, name, before);
    else Reflect.deleteProperty(globalThis, name);
  };
}
