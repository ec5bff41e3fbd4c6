import {
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  generateKeyPairSync,
  type JsonWebKey,
  KeyObject,
  randomBytes,
} from "node:crypto";
import type { AuthConfig, JwtAlgorithm } from "../config/auth-config.js";
import { WrongSettings } from "../config/problems.js";
import { BadUserInput } from "../errors.js";
import { NO_CLIENT } from "../events.js";
import type { Sql } from "../sql.js";
import { isSymmetric, type Key, KeyRing } from "./key-ring.js";
import { seal, unseal } from "./sealing.js";
import { deriveKey } from "./secret-key.js";

/** For how long, in seconds, a key is published before it signs: longer than anybody may cache the key set. */
export const PUBLISH_AHEAD = 600;

/** The least time between two readings of the ring that strangers can cause, in milliseconds. */
const RELOAD_INTERVAL = 1000;

interface SigningKeyRow {
  kid: string;
  algorithm: JwtAlgorithm;
  sealedKey: string;
  activatesAt: number;
  createdAt: number;
}

/** The ring that signs access tokens, kept in the database, sealed. */
export class SigningKeyService {
  readonly #sql: Sql;
  readonly #config: AuthConfig;
  readonly #sealingKeys: readonly KeyObject[];
  #loadedAt = -Infinity;
  readonly ring: KeyRing;

  private constructor(sql: Sql, config: AuthConfig, keys: readonly Key[]) {
    this.#sql = sql;
    this.#config = config;
    this.#sealingKeys = sealingKeysOf(config);
    this.ring = new KeyRing(keys, config.now);
  }

  /**
   * Loads the ring; makes the first key where there is none, and a new one where the algorithm was changed.
   * @throws TypeError when `secretKey` does not open the keys, they are not fit for use, or the algorithm cannot be
   * changed to this one
   */
  static async open(sql: Sql, config: AuthConfig): Promise<SigningKeyService> {
    const keys = await readKeys(sql, sealingKeysOf(config));
    if (keys.length === 0) {
      await insertKey(sql, config, config.now());
    } else {
      const { current } = new KeyRing(keys, config.now);
      if (isSymmetric(current.algorithm) !== isSymmetric(config.jwtAlgorithm)) {
        const message = `the keys in this database are for ${current.algorithm}; symmetric and asymmetric ones do not mix`;
        throw new WrongSettings([{ option: "jwtAlgorithm", message }]);
      }
      if (current.algorithm !== config.jwtAlgorithm) {
        await insertKey(sql, config, config.now(), { after: current });
      }
    }
    const loaded = await readKeys(sql, sealingKeysOf(config));
    const service = new SigningKeyService(sql, config, loaded);
    await service.#reseal();
    return service;
  }

  /** Reads the ring anew, as running instances do from time to time to pick up a rotation. */
  async reload(): Promise<void> {
    this.#loadedAt = this.#config.now();
    this.ring.replace(await readKeys(this.#sql, this.#sealingKeys));
  }

  /** The same, but at most once a second, because a token with an unknown key may be anybody's. @returns whether it did */
  async reloadAtMostOnceASecond(): Promise<boolean> {
    if (this.#config.now() - this.#loadedAt < RELOAD_INTERVAL) return false;
    await this.reload();
    return true;
  }

  /**
   * Adds the key that will sign next. It is published at once, and becomes active when every verifier has had the time
   * to see it; the present key goes on verifying.
   * @param isUrgent whether it becomes active at once
   * @returns its `kid` and when it becomes active, in epoch milliseconds
   * @throws {@link BadUserInput} when a key is waiting already
   */
  async rotate(isUrgent = false): Promise<{ kid: string; activatesAt: number }> {
    await this.reload();
    const now = this.#config.now();
    const { current } = this.ring;
    const activatesAt = isUrgent ? now : now + PUBLISH_AHEAD * 1000;
    const kid = await insertKey(this.#sql, this.#config, activatesAt, {
      after: current,
      unlessAfter: isUrgent ? undefined : now,
    });
    if (kid === null) {
      throw new BadUserInput("The next key is published already, and waits to become active.");
    }
    await this.reload();
    this.#config.onEvent({ type: "key_rotated", kid }, NO_CLIENT);
    return { kid, activatesAt };
  }

  /** Rotates when the youngest key has signed for longer than `keyRotationInterval`, unless somebody else just did. */
  async rotateIfDue(): Promise<void> {
    const { keyRotationInterval, now } = this.#config;
    if (keyRotationInterval === null) return;
    await this.reload();
    const { current, next } = this.ring;
    if (next !== undefined || now() - current.activatesAt < keyRotationInterval * 1000) return;
    await this.rotate().catch((error: unknown) => {
      if (!(error instanceof BadUserInput)) throw error;
    });
  }

  /**
   * Revokes a key: nothing it signed is accepted any more. Where it was the active one, a new key takes over at once.
   * @throws {@link BadUserInput} when there is no such key
   */
  async revoke(kid: string): Promise<void> {
    await this.reload();
    if (this.ring.current.kid === kid) await this.rotate(true);
    const revoked = await this.#sql.write(
      `UPDATE signing_key SET revoked_at = ? WHERE kid = ? AND revoked_at IS NULL RETURNING kid`,
      [this.#config.now(), kid],
    );
    if (revoked.length === 0) throw new BadUserInput("There is no such key.");
    await this.reload();
  }

  /** Seals with the current root secret what a previous one sealed, so that the previous one can be forgotten. */
  async #reseal(): Promise<void> {
    const [current] = this.#sealingKeys;
    if (current === undefined || this.#sealingKeys.length === 1) return;
    for (const { kid, sealedKey } of await readRows(this.#sql)) {
      if (unseal(current, sealedKey, kid) !== null) continue;
      const jwk = openSeal(kid, sealedKey, this.#sealingKeys);
      await this.#sql.write(
        `UPDATE signing_key SET sealed_key = ? WHERE kid = ? AND sealed_key = ? RETURNING kid`,
        [seal(current, jwk, kid), kid, sealedKey],
      );
    }
  }
}

function sealingKeysOf({ secretKeys }: AuthConfig): KeyObject[] {
  return secretKeys.map((secretKey) => deriveKey(secretKey, "key-sealing"));
}

async function readRows(sql: Sql): Promise<SigningKeyRow[]> {
  return sql.read<SigningKeyRow>(
    `SELECT kid, algorithm, sealed_key AS "sealedKey", activates_at AS "activatesAt",
       created_at AS "createdAt"
     FROM signing_key WHERE revoked_at IS NULL`,
    [],
  );
}

async function readKeys(sql: Sql, sealingKeys: readonly KeyObject[]): Promise<Key[]> {
  return (await readRows(sql)).map((row) => openKey(row, sealingKeys));
}

/**
 * Adds a new key.
 * @param options `after` is a key that it follows; `unlessAfter` an instant after which no other may become active
 * @returns its `kid`, or null where another waits
 */
async function insertKey(
  sql: Sql,
  config: AuthConfig,
  activatesAt: number,
  options: { after?: Key; unlessAfter?: number | undefined } = {},
): Promise<string | null> {
  const { jwtAlgorithm, now } = config;
  const { after, unlessAfter = Number.MAX_SAFE_INTEGER } = options;
  const createdAt = Math.max(now(), (after?.createdAt ?? 0) + 1);
  const [sealingKey] = sealingKeysOf(config);
  if (sealingKey === undefined)
    throw new WrongSettings([{ option: "secretKey", message: "is required" }]);
  const kid = randomBytes(8).toString("hex");
  const jwk = JSON.stringify(generateKey(jwtAlgorithm).export({ format: "jwk" }));
  const inserted = await sql.write(
    `INSERT INTO signing_key (kid, algorithm, sealed_key, created_at, activates_at)
     SELECT ?, ?, ?, ?, ? WHERE NOT EXISTS (
       SELECT 1 FROM signing_key WHERE revoked_at IS NULL AND activates_at > ?) RETURNING kid`,
    [...[kid, jwtAlgorithm, seal(sealingKey, jwk, kid), createdAt, activatesAt], unlessAfter],
  );
  return inserted.length === 1 ? kid : null;
}

function generateKey(algorithm: JwtAlgorithm): KeyObject {
  if (isSymmetric(algorithm)) return createSecretKey(randomBytes(32));
  return algorithm === "ES256"
    ? generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey
    : generateKeyPairSync("rsa", { modulusLength: 3072 }).privateKey;
}

function openSeal(kid: string, sealedKey: string, sealingKeys: readonly KeyObject[]): string {
  for (const sealingKey of sealingKeys) {
    const jwk = unseal(sealingKey, sealedKey, kid);
    if (jwk !== null) return jwk;
  }
  const message =
    "does not open the signing keys in this database; give the secret they were sealed with (the one made on loopback is beside the database), after a new one if it changed";
  throw new WrongSettings([{ option: "secretKey", message }]);
}

function openKey(row: SigningKeyRow, sealingKeys: readonly KeyObject[]): Key {
  const { kid, algorithm, activatesAt, createdAt } = row;
  const jwk = JSON.parse(openSeal(kid, row.sealedKey, sealingKeys)) as JsonWebKey;
  requireUse(kid, algorithm, jwk);
  if (isSymmetric(algorithm)) {
    const key = createSecretKey(Buffer.from(jwk.k ?? "", "base64url"));
    return { kid, algorithm, signingKey: key, verificationKey: key, activatesAt, createdAt };
  }
  const signingKey = createPrivateKey({ key: jwk, format: "jwk" });
  const verificationKey = createPublicKey(signingKey);
  return { kid, algorithm, signingKey, verificationKey, activatesAt, createdAt };
}

/** @see RFC 7517 4.2, 4.4 */
function requireUse(kid: string, algorithm: JwtAlgorithm, { use, alg }: JsonWebKey): void {
  if ((use ?? "sig") === "sig" && (alg ?? algorithm) === algorithm) return;
  throw new TypeError(`The key ${kid} is meant for another use than signing with ${algorithm}.`);
}
