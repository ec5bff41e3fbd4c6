import {
  createHash,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  generateKeyPairSync,
  type JsonWebKey,
  type KeyObject,
  randomBytes,
} from "node:crypto";
import type { AuthConfig, JwtAlgorithm } from "../config.js";
import type { Sql } from "../sql.js";
import { seal, unseal } from "./sealing.js";
import { deriveKey } from "./secret-key.js";
import type { SigningKeyState } from "./signing-key.entity.js";

/** A key and the one algorithm that it may be used with. */
export interface Key {
  readonly kid: string;
  readonly algorithm: JwtAlgorithm;
  /** The private or secret half. */
  readonly signingKey: KeyObject;
  /** The public half, or the same secret. */
  readonly verificationKey: KeyObject;
}

/**
 * The keys of one use: one signs, all verify.
 * @throws TypeError at construction when two keys share a `kid`, or symmetric and asymmetric keys are mixed.
 */
export class KeyRing {
  readonly current: Key;
  readonly #keys: ReadonlyMap<string, Key>;

  constructor(current: Key, others: readonly Key[] = []) {
    const keys = [current, ...others];
    this.current = current;
    this.#keys = new Map(keys.map((key) => [key.kid, key]));
    if (this.#keys.size !== keys.length) throw new TypeError("Two keys have the same kid.");
    if (new Set(keys.map((key) => isSymmetric(key.algorithm))).size > 1) {
      throw new TypeError("Symmetric and asymmetric keys must not share a ring.");
    }
  }

  /** The key with this `kid`, if the ring has it. */
  find(kid: string): Key | undefined {
    return this.#keys.get(kid);
  }

  /** The public keys. @see RFC 7517 5 */
  toJwks(): { keys: JsonWebKey[] } {
    const published = [...this.#keys.values()].filter((key) => !isSymmetric(key.algorithm));
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

/** The ring that signs refresh tokens, which nobody but us verifies: HS256 with a key derived from each root secret. */
export function createRefreshKeyRing(secretKeys: readonly string[]): KeyRing {
  const [current, ...previous] = secretKeys.map((secretKey): Key => {
    const key = deriveKey(secretKey, "refresh-token");
    const kid = createHash("sha256").update(key.export()).digest("hex").slice(0, 16);
    return { kid, algorithm: "HS256", signingKey: key, verificationKey: key };
  });
  if (current === undefined) throw new TypeError("secretKey: is required");
  return new KeyRing(current, previous);
}

interface SigningKeyRow {
  kid: string;
  algorithm: JwtAlgorithm;
  state: SigningKeyState;
  sealedKey: string;
}

/**
 * The ring that signs access tokens, from the database; makes the first key when there is none.
 * Instances that start at the same time agree on one key.
 */
export async function loadKeyRing(sql: Sql, config: AuthConfig): Promise<KeyRing> {
  const active = await sql.read(`SELECT kid FROM signing_key WHERE state = 'active'`, []);
  if (active.length === 0) await addFirstKey(sql, config);
  const rows = await sql.read<SigningKeyRow>(
    `SELECT kid, algorithm, state, sealed_key AS "sealedKey" FROM signing_key
     WHERE state <> 'revoked' ORDER BY created_at DESC`,
    [],
  );
  return openKeyRing(rows, config);
}

async function addFirstKey(sql: Sql, config: AuthConfig): Promise<void> {
  await sql.write(
    `INSERT INTO signing_key (kid, algorithm, state, sealed_key, created_at, changed_at)
     SELECT ?, ?, 'active', ?, ?, ?
     WHERE NOT EXISTS (SELECT 1 FROM signing_key WHERE state = 'active') RETURNING kid`,
    newKeyParameters(config),
  );
}

function openKeyRing(rows: SigningKeyRow[], config: AuthConfig): KeyRing {
  const sealingKeys = config.secretKeys.map((secretKey) => deriveKey(secretKey, "key-sealing"));
  const keys = rows.map((row) => ({ state: row.state, key: openKey(row, sealingKeys) }));
  const active = keys.find(({ state }) => state === "active")?.key;
  if (active === undefined) throw new Error("The database has no active signing key.");
  if (active.algorithm !== config.jwtAlgorithm) {
    throw new TypeError(
      `jwtAlgorithm: the signing key in the database is for ${active.algorithm}; set that, or start a new database`,
    );
  }
  return new KeyRing(
    active,
    keys.flatMap(({ key }) => (key === active ? [] : [key])),
  );
}

function newKeyParameters({ jwtAlgorithm, secretKeys, now }: AuthConfig) {
  const kid = randomBytes(8).toString("hex");
  const sealingKey = deriveKey(secretKeys[0] ?? "", "key-sealing");
  const jwk = generateKey(jwtAlgorithm).export({ format: "jwk" });
  const at = now();
  return [kid, jwtAlgorithm, seal(sealingKey, JSON.stringify(jwk), kid), at, at];
}

function generateKey(algorithm: JwtAlgorithm): KeyObject {
  switch (algorithm) {
    case "ES256":
      return generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
    case "RS256":
    case "PS256":
      return generateKeyPairSync("rsa", { modulusLength: 3072 }).privateKey;
    case "HS256":
      return createSecretKey(randomBytes(32));
  }
}

function openKey({ kid, algorithm, sealedKey }: SigningKeyRow, sealingKeys: KeyObject[]): Key {
  const jwk = sealingKeys.map((key) => unseal(key, sealedKey, kid)).find((text) => text !== null);
  if (jwk == null) {
    throw new TypeError(
      "secretKey: cannot open the signing key in this database; give the secret it was made with (a list may name previous ones)",
    );
  }
  const parsed = JSON.parse(jwk) as JsonWebKey;
  if (isSymmetric(algorithm)) {
    const key = createSecretKey(Buffer.from(parsed.k ?? "", "base64url"));
    return { kid, algorithm, signingKey: key, verificationKey: key };
  }
  const signingKey = createPrivateKey({ key: parsed, format: "jwk" });
  return { kid, algorithm, signingKey, verificationKey: createPublicKey(signingKey) };
}

function isSymmetric(algorithm: JwtAlgorithm): boolean {
  return algorithm.startsWith("HS");
}
