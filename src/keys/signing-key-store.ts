import {
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  generateKeyPairSync,
  type JsonWebKey,
  type KeyObject,
  randomBytes,
} from "node:crypto";
import type { JwtAlgorithm } from "../config/auth-config.js";
import { WrongSettings } from "../config/problems.js";
import type { Sql } from "../sql.js";
import { isSymmetric, type Key, requireFitting } from "./key-ring.js";
import { Sealer } from "./sealing.js";
import { deriveKey } from "./secret-key.js";

interface SigningKeyRow extends Pick<Key, "kid" | "algorithm" | "activatesAt" | "createdAt"> {
  readonly sealedKey: string;
}

/**
 * An SQL expression. Its value is the ids of all keys that are not revoked, such as `a1,b2`. The ids are sorted, so
 * that the same keys always give the same text.
 */
export const LISTED_KEYS = `(
  SELECT string_agg(listed.kid, ',')
  FROM (SELECT kid FROM signing_key WHERE revoked_at IS NULL ORDER BY kid) listed)`;

export interface StoredKeys {
  /** The keys that are not revoked and can be read. */
  readonly keys: readonly Key[];
  /** An error for each key that cannot be read. */
  readonly faults: readonly KeyUnreadable[];
  /** The ids of all keys that are not revoked, such as `a1,b2`; null if there are none. */
  readonly listed: string | null;
}

class KeyUnreadable extends Error {
  constructor(kid: string, cause: unknown) {
    const why = (cause as Error).message.replace(/\.$/, "");
    super(
      `The signing key ${kid} in the database cannot be read, so the tokens that it signed are refused: ${why}. Restore its row, or revoke it with: gatehouse rotate-keys --revoke ${kid}`,
      { cause },
    );
    this.name = "KeyUnreadable";
  }
}

export type NewKey = Pick<Key, "algorithm" | "activatesAt" | "createdAt">;

/** The signing keys in the database. They are encrypted with a key that is derived from the root secret. */
export class SigningKeyStore {
  readonly #sql: Sql;
  readonly #sealer: Sealer;

  /** @param secretKeys the root secrets, the current one first */
  constructor(sql: Sql, secretKeys: readonly string[]) {
    if (secretKeys.length === 0) throw wrong("is required");
    this.#sql = sql;
    this.#sealer = new Sealer(secretKeys.map((secretKey) => deriveKey(secretKey, "key-sealing")));
  }

  /** Reads all keys that are not revoked. */
  async read(): Promise<StoredKeys> {
    const rows = await this.#readRows();
    const keys: Key[] = [];
    const faults: KeyUnreadable[] = [];
    for (const row of rows) {
      try {
        keys.push(toKey(row, this.#open(row)));
      } catch (error) {
        faults.push(new KeyUnreadable(row.kid, error));
      }
    }
    return { keys, faults, listed: rows[0]?.listed ?? null };
  }

  /**
   * Generates a key and inserts it.
   * @param unlessAfter epoch milliseconds. Nothing is inserted if another key becomes active after this instant
   * @returns the `kid`, or null if nothing was inserted
   */
  async insert(key: NewKey, unlessAfter = Number.MAX_SAFE_INTEGER): Promise<string | null> {
    const { algorithm, createdAt, activatesAt } = key;
    const kid = randomBytes(8).toString("hex");
    const jwk = JSON.stringify(generateKey(algorithm).export({ format: "jwk" }));
    const sealedKey = this.#sealer.seal(jwk, kid);
    const inserted = await this.#sql.write(
      `INSERT INTO signing_key (kid, algorithm, sealed_key, created_at, activates_at)
       SELECT ?, ?, ?, ?, ? WHERE NOT EXISTS (
         SELECT 1 FROM signing_key WHERE revoked_at IS NULL AND activates_at > ?) RETURNING kid`,
      [kid, algorithm, sealedKey, createdAt, activatesAt, unlessAfter],
    );
    return inserted.length === 1 ? kid : null;
  }

  /** @returns false if there is no such key, or it was already revoked */
  async revoke(kid: string, revokedAt: number): Promise<boolean> {
    const revoked = await this.#sql.write(
      `UPDATE signing_key SET revoked_at = ? WHERE kid = ? AND revoked_at IS NULL RETURNING kid`,
      [revokedAt, kid],
    );
    return revoked.length > 0;
  }

  /**
   * Encrypts all keys again with the current root secret, except for revoked keys. The other keys then no longer need a
   * previous secret.
   */
  async reseal(): Promise<void> {
    for (const { kid, sealedKey } of await this.#readRows()) {
      const renewed = this.#sealer.renew(sealedKey, kid);
      if (renewed === sealedKey) continue;
      await this.#sql.write(
        `UPDATE signing_key SET sealed_key = ? WHERE kid = ? AND sealed_key = ? RETURNING kid`,
        [renewed, kid, sealedKey],
      );
    }
  }

  #readRows(): Promise<(SigningKeyRow & { readonly listed: string })[]> {
    return this.#sql.read(
      `SELECT kid, algorithm, sealed_key AS "sealedKey", activates_at AS "activatesAt",
         created_at AS "createdAt", ${LISTED_KEYS} AS listed
       FROM signing_key WHERE revoked_at IS NULL`,
      [],
    );
  }

  /** Decrypts a key. @throws WrongSettings if none of the root secrets can decrypt the key */
  #open({ kid, sealedKey }: SigningKeyRow): string {
    const jwk = this.#sealer.open(sealedKey, kid);
    if (jwk !== null) return jwk;
    throw wrong(
      "cannot decrypt the signing keys in this database; use the secret that encrypted them; to replace that secret, list the new secret first and then the old one (a generated secret is in a file beside the database)",
    );
  }
}

function wrong(message: string): WrongSettings {
  return new WrongSettings([{ option: "secretKey", message }]);
}

function generateKey(algorithm: JwtAlgorithm): KeyObject {
  if (isSymmetric(algorithm)) return createSecretKey(randomBytes(32));
  return algorithm === "ES256"
    ? generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey
    : generateKeyPairSync("rsa", { modulusLength: 3072 }).privateKey;
}

/** @throws Error if the JWK is damaged, or does not fit the algorithm */
function toKey({ kid, algorithm, activatesAt, createdAt }: SigningKeyRow, text: string): Key {
  const jwk = JSON.parse(text) as JsonWebKey;
  requireSigningUse(kid, algorithm, jwk);
  const signingKey = isSymmetric(algorithm)
    ? createSecretKey(Buffer.from(jwk.k ?? "", "base64url"))
    : createPrivateKey({ key: jwk, format: "jwk" });
  const verificationKey = isSymmetric(algorithm) ? signingKey : createPublicKey(signingKey);
  const key = { kid, algorithm, signingKey, verificationKey, activatesAt, createdAt };
  requireFitting(key);
  return key;
}

/** @see RFC 7517 4.2, 4.4 */
function requireSigningUse(kid: string, algorithm: JwtAlgorithm, { use, alg }: JsonWebKey): void {
  if ((use ?? "sig") === "sig" && (alg ?? algorithm) === algorithm) return;
  throw new TypeError(`The key ${kid} is not meant for signing with ${algorithm}.`);
}
