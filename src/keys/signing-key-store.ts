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
import { isSymmetric, type Key } from "./key-ring.js";
import { seal, unseal } from "./sealing.js";
import { deriveKey } from "./secret-key.js";

/** A row of `signing_key`. */
interface SigningKeyRow extends Pick<Key, "kid" | "algorithm" | "activatesAt" | "createdAt"> {
  readonly sealedKey: string;
}

/** A key to generate. */
export type NewKey = Pick<Key, "algorithm" | "activatesAt" | "createdAt">;

/** The signing keys in the database. Their private halves are sealed with a key derived from the root secret. */
export class SigningKeyStore {
  readonly #sql: Sql;
  readonly #currentSeal: KeyObject;
  readonly #seals: readonly KeyObject[];

  /** @param secretKeys the root secrets, the current one first */
  constructor(sql: Sql, secretKeys: readonly string[]) {
    const seals = secretKeys.map((secretKey) => deriveKey(secretKey, "key-sealing"));
    const [current] = seals;
    if (current === undefined) throw wrong("is required");
    this.#sql = sql;
    this.#currentSeal = current;
    this.#seals = seals;
  }

  /**
   * Returns all keys that are not revoked.
   * @throws TypeError if no root secret opens a key, or a key is not meant for signing
   */
  async read(): Promise<Key[]> {
    return (await this.#readRows()).map((row) => toKey(row, this.#open(row)));
  }

  /**
   * Generates a key and inserts it.
   * @param unlessAfter epoch milliseconds: inserts nothing if a key becomes active after this instant
   * @returns the `kid`, or null if nothing was inserted
   */
  async insert(key: NewKey, unlessAfter = Number.MAX_SAFE_INTEGER): Promise<string | null> {
    const { algorithm, createdAt, activatesAt } = key;
    const kid = randomBytes(8).toString("hex");
    const jwk = JSON.stringify(generateKey(algorithm).export({ format: "jwk" }));
    const sealedKey = seal(this.#currentSeal, jwk, kid);
    const inserted = await this.#sql.write(
      `INSERT INTO signing_key (kid, algorithm, sealed_key, created_at, activates_at)
       SELECT ?, ?, ?, ?, ? WHERE NOT EXISTS (
         SELECT 1 FROM signing_key WHERE revoked_at IS NULL AND activates_at > ?) RETURNING kid`,
      [kid, algorithm, sealedKey, createdAt, activatesAt, unlessAfter],
    );
    return inserted.length === 1 ? kid : null;
  }

  /**
   * Marks a key as revoked.
   * @returns false if there is no such key, or it was already revoked
   */
  async revoke(kid: string, revokedAt: number): Promise<boolean> {
    const revoked = await this.#sql.write(
      `UPDATE signing_key SET revoked_at = ? WHERE kid = ? AND revoked_at IS NULL RETURNING kid`,
      [revokedAt, kid],
    );
    return revoked.length > 0;
  }

  /** Seals every key with the current root secret, so that the previous secrets can be dropped. */
  async reseal(): Promise<void> {
    if (this.#seals.length === 1) return;
    for (const row of await this.#readRows()) {
      const { kid, sealedKey } = row;
      if (unseal(this.#currentSeal, sealedKey, kid) !== null) continue;
      await this.#sql.write(
        `UPDATE signing_key SET sealed_key = ? WHERE kid = ? AND sealed_key = ? RETURNING kid`,
        [seal(this.#currentSeal, this.#open(row), kid), kid, sealedKey],
      );
    }
  }

  #readRows(): Promise<SigningKeyRow[]> {
    return this.#sql.read<SigningKeyRow>(
      `SELECT kid, algorithm, sealed_key AS "sealedKey", activates_at AS "activatesAt",
         created_at AS "createdAt"
       FROM signing_key WHERE revoked_at IS NULL`,
      [],
    );
  }

  /** Unseals a JWK. */
  #open({ kid, sealedKey }: SigningKeyRow): string {
    for (const key of this.#seals) {
      const jwk = unseal(key, sealedKey, kid);
      if (jwk !== null) return jwk;
    }
    throw wrong(
      "does not open the signing keys in this database; give the secret that sealed them; to replace it, give the new secret first and then the old one (a generated secret is kept beside the database)",
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

function toKey({ kid, algorithm, activatesAt, createdAt }: SigningKeyRow, text: string): Key {
  const jwk = JSON.parse(text) as JsonWebKey;
  requireSigningUse(kid, algorithm, jwk);
  if (isSymmetric(algorithm)) {
    const key = createSecretKey(Buffer.from(jwk.k ?? "", "base64url"));
    return { kid, algorithm, signingKey: key, verificationKey: key, activatesAt, createdAt };
  }
  const signingKey = createPrivateKey({ key: jwk, format: "jwk" });
  const verificationKey = createPublicKey(signingKey);
  return { kid, algorithm, signingKey, verificationKey, activatesAt, createdAt };
}

/** @see RFC 7517 4.2, 4.4 */
function requireSigningUse(kid: string, algorithm: JwtAlgorithm, { use, alg }: JsonWebKey): void {
  if ((use ?? "sig") === "sig" && (alg ?? algorithm) === algorithm) return;
  throw new TypeError(`The key ${kid} is not meant for signing with ${algorithm}.`);
}
