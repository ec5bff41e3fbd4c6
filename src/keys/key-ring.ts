import { createHash, type KeyObject } from "node:crypto";
import type { JwtAlgorithm } from "../config/auth-config.js";
import { deriveKey } from "./secret-key.js";

/** A JSON Web Key Set. @see RFC 7517 5 */
export interface JsonWebKeySet {
  readonly keys: readonly JsonWebKey[];
}

/** A public key. @see RFC 7517 4 */
export interface JsonWebKey {
  readonly kty: string;
  readonly kid: string;
  readonly alg: JwtAlgorithm;
  readonly use: "sig";
  /** The parameters of an elliptic-curve key. @see RFC 7518 6.2.1 */
  readonly crv?: string;
  readonly x?: string;
  readonly y?: string;
  /** The parameters of an RSA key. @see RFC 7518 6.3.1 */
  readonly n?: string;
  readonly e?: string;
}

/** A key, and the only algorithm that it may be used with. */
export interface Key {
  readonly kid: string;
  readonly algorithm: JwtAlgorithm;
  /** The private key, or the shared secret. */
  readonly signingKey: KeyObject;
  /** The public key, or the same shared secret. */
  readonly verificationKey: KeyObject;
  /** Epoch milliseconds. The key signs from this instant until a later key becomes active. */
  readonly activatesAt: number;
  /** Epoch milliseconds. If two keys have the same `activatesAt`, the newer one signs. */
  readonly createdAt: number;
}

/** The minimum key sizes, in bits. @see RFC 7518 3.2, 3.3 */
const MIN_HMAC_BITS = 256;
const MIN_RSA_BITS = 2048;

/**
 * Keys for one purpose. A key is active from its `activatesAt` on. The key that became active last signs new tokens.
 * Earlier keys still verify the tokens that they signed.
 */
export class KeyRing {
  readonly #now: () => number;
  #keys!: ReadonlyMap<string, Key>;
  /** The keys, sorted by `activatesAt`, the latest first. */
  #order!: readonly Key[];
  #earliest!: Key;

  constructor(keys: readonly Key[], now: () => number) {
    this.#now = now;
    this.replace(keys);
  }

  /**
   * Replaces all keys. If this throws, the ring still has the old keys.
   * @throws TypeError if a key does not fit its algorithm, the keys cannot be used together, or no key is active
   */
  replace(keys: readonly Key[]): void {
    for (const key of keys) requireFitting(key);
    const byKid = new Map(keys.map((key) => [key.kid, key]));
    if (byKid.size !== keys.length) throw new TypeError("Two keys have the same kid.");
    if (new Set(keys.map(({ algorithm }) => isSymmetric(algorithm))).size > 1) {
      throw new TypeError("Symmetric and asymmetric keys must not share a ring.");
    }
    const order = keys.toSorted(
      (a, b) => b.activatesAt - a.activatesAt || b.createdAt - a.createdAt,
    );
    const earliest = order.at(-1);
    if (earliest === undefined || earliest.activatesAt > this.#now()) {
      throw new TypeError("No key is active.");
    }
    this.#keys = byKid;
    this.#order = order;
    this.#earliest = earliest;
  }

  /** The key that signs now. If the clock was set back so far that no key is active, the earliest key signs. */
  get current(): Key {
    const now = this.#now();
    return this.#order.find(({ activatesAt }) => activatesAt <= now) ?? this.#earliest;
  }

  /** A key that is published but not yet active. */
  get next(): Key | undefined {
    const now = this.#now();
    return this.#order.find(({ activatesAt }) => activatesAt > now);
  }

  find(kid: string): Key | undefined {
    return this.#keys.get(kid);
  }

  /** Returns all public keys, without the shared secrets. @see RFC 7517 5 */
  toJwks(): JsonWebKeySet {
    const published = this.#order.filter(({ algorithm }) => !isSymmetric(algorithm));
    return {
      keys: published.map(({ kid, algorithm, verificationKey }) => ({
        ...(verificationKey.export({ format: "jwk" }) as Pick<JsonWebKey, "kty">),
        kid,
        alg: algorithm,
        use: "sig",
      })),
    };
  }
}

export function isSymmetric(algorithm: JwtAlgorithm): boolean {
  return algorithm.startsWith("HS");
}

/** @throws TypeError when the key is too short for its algorithm, or of the wrong type */
export function requireFitting({ kid, algorithm, verificationKey }: Key): void {
  const { asymmetricKeyType, asymmetricKeyDetails = {}, symmetricKeySize = 0 } = verificationKey;
  const { namedCurve, modulusLength = 0 } = asymmetricKeyDetails;
  const isRsa = asymmetricKeyType === "rsa" && modulusLength >= MIN_RSA_BITS;
  const isFitting = {
    HS256: symmetricKeySize * 8 >= MIN_HMAC_BITS,
    ES256: namedCurve === "prime256v1",
    RS256: isRsa,
    PS256: isRsa,
  }[algorithm];
  if (!isFitting) {
    throw new TypeError(`The key ${kid} is too short for ${algorithm}, or of the wrong type.`);
  }
}

/**
 * Creates the keys of refresh and sliding tokens. HS256 is enough, because only Gatehouse verifies these tokens.
 * @param secretKeys the root secrets, the current one first
 */
export function createRefreshKeyRing(secretKeys: readonly string[]): KeyRing {
  const keys = secretKeys.map((secretKey, index): Key => {
    const key = deriveKey(secretKey, "refresh-token");
    const kid = createHash("sha256").update(key.export()).digest("hex").slice(0, 16);
    const keys = { signingKey: key, verificationKey: key };
    // All keys are active, so the key with the latest `createdAt` signs. That is the key of the current secret.
    return { kid, algorithm: "HS256", ...keys, activatesAt: 0, createdAt: -index };
  });
  return new KeyRing(keys, () => 0);
}
