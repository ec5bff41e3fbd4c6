import { createCipheriv, createDecipheriv, type KeyObject, randomBytes } from "node:crypto";

const NONCE_LENGTH = 12;
const TAG_LENGTH = 16;

/**
 * Encrypts `text` with AES-256-GCM.
 * @param context the additional authenticated data. Callers pass the id of the row, so a text that was copied to
 * another row cannot be decrypted
 */
function seal(key: KeyObject, text: string, context: string): string {
  const nonce = randomBytes(NONCE_LENGTH);
  const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(Buffer.from(context));
  const sealed = Buffer.concat([nonce, cipher.update(text, "utf8"), cipher.final()]);
  return Buffer.concat([sealed, cipher.getAuthTag()]).toString("base64url");
}

/** Decrypts a text. Returns null if the text is damaged, or was encrypted with another `key` or `context`. */
function unseal(key: KeyObject, sealed: string, context: string): string | null {
  const bytes = Buffer.from(sealed, "base64url");
  const nonce = bytes.subarray(0, NONCE_LENGTH);
  const tag = bytes.subarray(-TAG_LENGTH);
  try {
    const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: TAG_LENGTH })
      .setAAD(Buffer.from(context))
      .setAuthTag(tag);
    const text = decipher.update(bytes.subarray(NONCE_LENGTH, -TAG_LENGTH));
    return Buffer.concat([text, decipher.final()]).toString("utf8");
  } catch {
    return null;
  }
}

/**
 * Encrypts texts with the current key. Also decrypts texts of previous keys, because the root secret may have been
 * replaced.
 */
export class Sealer {
  readonly #current: KeyObject;
  readonly #keys: readonly KeyObject[];

  /**
   * @param keys the current key first, then the previous keys
   * @throws TypeError when there is no key
   */
  constructor(keys: readonly KeyObject[]) {
    const [current] = keys;
    if (current === undefined) throw new TypeError("There is no key.");
    this.#current = current;
    this.#keys = keys;
  }

  /** Whether some texts may still be encrypted with a previous key. */
  get hasPrevious(): boolean {
    return this.#keys.length > 1;
  }

  seal(text: string, context: string): string {
    return seal(this.#current, text, context);
  }

  /** Decrypts a text. Returns null if no key fits. */
  open(sealed: string, context: string): string | null {
    for (const key of this.#keys) {
      const text = unseal(key, sealed, context);
      if (text !== null) return text;
    }
    return null;
  }

  /**
   * Encrypts a sealed text with the current key. Returns `sealed` unchanged if the current key encrypted it, or if no
   * key fits.
   */
  renew(sealed: string, context: string): string {
    if (unseal(this.#current, sealed, context) !== null) return sealed;
    const text = this.open(sealed, context);
    return text === null ? sealed : this.seal(text, context);
  }
}
