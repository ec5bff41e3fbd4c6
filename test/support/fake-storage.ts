/** A browser's storage: tabs share it, and hear each other's changes in it. */
export class FakeStorage {
  readonly entries = new Map<string, string>();
  /** Of each tab's window. */
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

/** Puts something into the global object, as a browser has it, and gives what takes it out again. */
export function withGlobal(name: string, value: unknown): () => void {
  const before = Object.getOwnPropertyDescriptor(globalThis, name);
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  return () => {
    if (before) Object.defineProperty(globalThis, name, before);
    else Reflect.deleteProperty(globalThis, name);
  };
}
