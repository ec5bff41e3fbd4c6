import { createHash, type JsonWebKey, type KeyObject } from "node:crypto";
import type { JwtAlgorithm } from "../config/auth-config.js";
import { deriveKey } from "./secret-key.js";

/** A key and the one algorithm that it may be used with. */
export interface Key {
  readonly kid: string;
  readonly algorithm: JwtAlgorithm;
  /** The private or secret half. */
  readonly signingKey: KeyObject;
  /** The public half, or the same secret. */
  readonly verificationKey: KeyObject;
  /** From when on it signs, in epoch milliseconds, unless a later one does. */
  readonly activatesAt: number;
  /** Which of two that become active at the same moment is the later one, in epoch milliseconds. */
  readonly createdAt: number;
}

/** In bits, by the algorithm's family. @see RFC 7518 3.2, 3.3 */
const MIN_HMAC_BITS = 256;
const MIN_RSA_BITS = 2048;

/** The keys of one use: the one that became active last signs, all verify. */
export class KeyRing {
  readonly #now: () => number;
  #keys: ReadonlyMap<string, Key> = new Map();
  /** Latest first. */
  #order: readonly Key[] = [];

  /** @throws TypeError, as {@link KeyRing.replace} does */
  constructor(keys: readonly Key[], now: () => number) {
    this.#now = now;
    this.replace(keys);
  }

  /**
   * Exchanges all keys.
   * @throws TypeError when two share a `kid`, one is too short or of another kind than its algorithm, symmetric and
   * asymmetric ones are mixed, or none is active
   */
  replace(keys: readonly Key[]): void {
    for (const key of keys) requireFit(key);
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

  /** The key that signs. */
  get current(): Key {
    const now = this.#now();
    const current = this.#order.find(({ activatesAt }) => activatesAt <= now) ?? this.#order.at(-1);
    if (current === undefined) throw new TypeError("No key is active.");
    return current;
  }

  /** The key that will sign, if one is waiting. */
  get next(): Key | undefined {
    const now = this.#now();
    return this.#order.find(({ activatesAt }) => activatesAt > now);
  }

  /** The key with this `kid`, if the ring has it. */
  find(kid: string): Key | undefined {
    return this.#keys.get(kid);
  }

  /** The public keys: next, active and retired. @see RFC 7517 5 */
  toJwks(): { keys: JsonWebKey[] } {
    const published = this.#order.filter(({ algorithm }) => !isSymmetric(algorithm));
    return {
      keys: published.map(({ kid, algorithm, verificationKey }) => ({
        ...verificationKey.export({ format: "jwk" }),
        kid,
        alg: algorithm,
        use: "sig",
      })),
    };
  }
}

/** Whether the algorithm signs and verifies with one and the same secret. */
export function isSymmetric(algorithm: JwtAlgorithm): boolean {
  return algorithm.startsWith("HS");
}

function requireFit({ kid, algorithm, verificationKey }: Key): void {
  const { asymmetricKeyType, asymmetricKeyDetails, symmetricKeySize = 0 } = verificationKey;
  const isFit = {
    HS256: symmetricKeySize * 8 >= MIN_HMAC_BITS,
    ES256: asymmetricKeyType === "ec" && asymmetricKeyDetails?.namedCurve === "prime256v1",
    RS256: asymmetricKeyType === "rsa" && isLongEnough(asymmetricKeyDetails),
    PS256: asymmetricKeyType === "rsa" && isLongEnough(asymmetricKeyDetails),
  }[algorithm];
  if (!isFit)
    throw new TypeError(`The key ${kid} is too short or of another kind than ${algorithm}.`);
}

function isLongEnough(details: KeyObject["asymmetricKeyDetails"]): boolean {
  return (details?.modulusLength ?? 0) >= MIN_RSA_BITS;
}

/**
 * The ring that signs refresh and sliding tokens, which nobody but us verifies: HS256 with a key derived from each
 * root secret, the current one first.
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
