/** A browser's storage. Tabs share it, and get events about changes. */
export class FakeStorage {
  readonly entries = new Map<string, string>();
  /** The listeners for `storage` of every tab. */
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

/** Defines a global of browsers, and returns a function that restores the previous value. */
export function withGlobal(name: string, value: unknown): () => void {
  const before = Object.getOwnPropertyDescriptor(globalThis, name);
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  return () => {
    if (before) Object.defineProperty(globalThis, name, before);
    else Reflect.deleteProperty(globalThis, name);
  };
}
