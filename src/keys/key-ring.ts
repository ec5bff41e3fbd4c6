import { createHash, type KeyObject } from "node:crypto";
import type { JwtAlgorithm } from "../config/auth-config.js";
import { deriveKey } from "./secret-key.js";

/** A JSON Web Key Set. @see RFC 7517 5 */
export interface JsonWebKeySet {
  readonly keys: readonly JsonWebKey[];
}

/** A public key. Defined here, because newer versions of `@types/node` have moved their type. @see RFC 7517 4 */
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
  /** Epoch milliseconds. The key signs from then on, until a later key becomes active. */
  readonly activatesAt: number;
  /** Epoch milliseconds. If two keys become active at the same instant, the key that was created later signs. */
  readonly createdAt: number;
}

/** The minimum key sizes, in bits. @see RFC 7518 3.2, 3.3 */
const MIN_HMAC_BITS = 256;
const MIN_RSA_BITS = 2048;

/** Keys for one purpose. The key that became active last signs. Earlier keys still verify their own tokens. */
export class KeyRing {
  readonly #now: () => number;
  #keys: ReadonlyMap<string, Key> = new Map();
  /** The same keys, sorted by `activatesAt` and `createdAt`, latest first. */
  #order: readonly Key[] = [];

  /** @throws TypeError as {@link KeyRing.replace} does */
  constructor(keys: readonly Key[], now: () => number) {
    this.#now = now;
    this.replace(keys);
  }

  /**
   * Replaces all keys. After an error, the ring still has the old keys.
   * @throws TypeError if two keys share a `kid`, a key does not fit its algorithm, symmetric and asymmetric keys are
   * mixed, or no key is active
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
    if (!order.some(({ activatesAt }) => activatesAt <= this.#now())) {
      throw new TypeError("No key is active.");
    }
    this.#keys = byKid;
    this.#order = order;
  }

  /** The key that signs now. If the clock was set back so far that no key is active, the earliest key signs. */
  get current(): Key {
    const now = this.#now();
    const current = this.#order.find(({ activatesAt }) => activatesAt <= now) ?? this.#order.at(-1);
    if (current === undefined) throw new TypeError("No key is active.");
    return current;
  }

  /** A key that is published but not yet active. */
  get next(): Key | undefined {
    const now = this.#now();
    return this.#order.find(({ activatesAt }) => activatesAt > now);
  }

  /** Returns the key with this `kid`, or undefined. */
  find(kid: string): Key | undefined {
    return this.#keys.get(kid);
  }

  /** Returns all public keys: next, current and retired. Shared secrets are left out. @see RFC 7517 5 */
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

/** Returns whether the algorithm signs and verifies with the same secret. */
export function isSymmetric(algorithm: JwtAlgorithm): boolean {
  return algorithm.startsWith("HS");
}

/** @throws TypeError if the key does not fit its algorithm */
export function requireFitting({ kid, algorithm, verificationKey }: Key): void {
  const { asymmetricKeyType, asymmetricKeyDetails, symmetricKeySize = 0 } = verificationKey;
  const isFitting = {
    HS256: symmetricKeySize * 8 >= MIN_HMAC_BITS,
    ES256: asymmetricKeyType === "ec" && asymmetricKeyDetails?.namedCurve === "prime256v1",
    RS256: asymmetricKeyType === "rsa" && isLongEnough(asymmetricKeyDetails),
    PS256: asymmetricKeyType === "rsa" && isLongEnough(asymmetricKeyDetails),
  }[algorithm];
  if (!isFitting) {
    throw new TypeError(`The key ${kid} is too short for ${algorithm}, or of the wrong type.`);
  }
}

function isLongEnough(details: KeyObject["asymmetricKeyDetails"]): boolean {
  return (details?.modulusLength ?? 0) >= MIN_RSA_BITS;
}

/**
 * Creates the ring that signs refresh and sliding tokens. It uses HS256, because only Gatehouse verifies these tokens.
 * @param secretKeys the root secrets, the current one first. One key is derived from each.
 */
export function createRefreshKeyRing(secretKeys: readonly string[]): KeyRing {
  const keys = secretKeys.map((secretKey, index): Key => {
    const key = deriveKey(secretKey, "refresh-token");
    const kid = createHash("sha256").update(key.export()).digest("hex").slice(0, 16);
    const activatesAt = -index;
    const keys = { signingKey: key, verificationKey: key };
    return { kid, algorithm: "HS256", ...keys, activatesAt, createdAt: 0 };
  });
  return new KeyRing(keys, () => 0);
}
