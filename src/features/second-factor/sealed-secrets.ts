import type { KeyObject } from "node:crypto";
import { seal, unseal } from "../../keys/sealing.js";

/** Encrypts secrets with a key from the root secret. Each secret belongs to one user. */
export class SealedSecrets {
  readonly #current: KeyObject;
  readonly #keys: readonly KeyObject[];

  /** @param keys the first is the current one */
  constructor(keys: readonly KeyObject[]) {
    const [current] = keys;
    if (current === undefined) throw new TypeError("There is no key.");
    this.#current = current;
    this.#keys = keys;
  }

  /** Whether some secrets may still be encrypted with a previous key. */
  get hasPrevious(): boolean {
    return this.#keys.length > 1;
  }

  seal(userId: string, secret: string): string {
    return seal(this.#current, secret, userId);
  }

  /** Returns null if no key fits. */
  open(userId: string, sealed: string): string | null {
    const [secret = null] = this.#keys.flatMap((key) => unseal(key, sealed, userId) ?? []);
    return secret;
  }

  /** Returns the secret, encrypted with the current key. Returns `sealed` if it already is, or if no key fits. */
  renew(userId: string, sealed: string): string {
    if (unseal(this.#current, sealed, userId) !== null) return sealed;
    const secret = this.open(userId, sealed);
    return secret === null ? sealed : this.seal(userId, secret);
  }
}
