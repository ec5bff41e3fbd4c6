/** A browser's storage, shared by tabs. Each tab is notified of the others' changes. */
export class FakeStorage {
  readonly entries = new Map<string, string>();
  /** The listeners of each tab's window. */
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
    this.#tell(key);
  }

  removeItem(key: string): void {
    this.#refuseWhere(this.isForbidden, "SecurityError");
    this.entries.delete(key);
    this.#tell(key);
  }

  #refuseWhere(isRefused: boolean, name: string): void {
    if (isRefused) throw new DOMException("refused", name);
  }

  #tell(key: string): void {
    setTimeout(() => {
      for (const listener of this.listeners) listener({ key });
    });
  }
}

/** Defines a global, as a browser does. Returns a function that restores the previous one. */
export function withGlobal(name: string, value: unknown): () => void {
  const before = Object.getOwnPropertyDescriptor(globalThis, name);
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  return () => {
    if (before) Object.defineProperty(globalThis, name, before);
    else Reflect.deleteProperty(globalThis, name);
  };
}
