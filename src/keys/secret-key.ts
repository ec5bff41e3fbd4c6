import { createSecretKey, hkdfSync, type KeyObject, randomBytes } from "node:crypto";
import {
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { SECRET_KEYS } from "../config/secret-keys.js";

/** The use of a derived key. Each purpose has its own key. */
export type Purpose = "refresh-token" | "key-sealing" | "throttling" | "audit";

/**
 * Derives a 256-bit key for one purpose from the root secret, by HKDF.
 * @see RFC 5869
 */
export function deriveKey(secretKey: string, purpose: Purpose): KeyObject {
  return createSecretKey(
    Buffer.from(hkdfSync("sha256", secretKey, "", `gatehouse:${purpose}`, 32)),
  );
}

/** Returns a new root secret: 256 random bits in base64url. */
export function generateSecretKey(): string {
  return randomBytes(32).toString("base64url");
}

/** Returns the path of the generated root secret, which is beside the database file. */
export function secretPathOf(databaseUrl: string): string {
  const [, path = "data/gatehouse"] = /^sqlite:(.*?)(?:\.sqlite)?$/s.exec(databaseUrl) ?? [];
  return `${path}.secret`;
}

/**
 * Returns the root secret that is kept beside a database. If there is neither a secret nor a database, makes a secret
 * that only its owner can read. A new secret could not open an existing database.
 * @param databaseUrl `sqlite:PATH`; for other databases the secret is kept in `data`
 * @throws Error with one line that says why the file cannot be created, read or used
 */
export function readOrCreateSecretKey(databaseUrl: string): string {
  const path = secretPathOf(databaseUrl);
  // Checked before the secret is read: another process creates first the secret and then the database.
  const hasDatabase = isDatabaseMade(databaseUrl);
  if (hasDatabase && !existsSync(path)) {
    throw new Error(
      `The database exists, but its secret ${path} is missing. Restore that file, or set SECRET_KEY.`,
    );
  }
  const secretKey = readOrCreateFile(path);
  if (!SECRET_KEYS.safeParse(secretKey).success) {
    const remedy = hasDatabase ? "Restore" : "Delete";
    throw new Error(
      `The file ${path} does not hold a secret of at least 32 random bytes. ${remedy} it.`,
    );
  }
  return secretKey;
}

/** Returns whether a SQLite file exists and is not empty. */
function isDatabaseMade(databaseUrl: string): boolean {
  const path = /^sqlite:(.*)$/s.exec(databaseUrl)?.[1];
  return path !== undefined && existsSync(path) && statSync(path).size > 0;
}

function readOrCreateFile(path: string): string {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    if (!existsSync(path)) createSecretFile(path);
    return readFileSync(path, "utf8").trim();
  } catch (error) {
    const { code = "unknown error" } = error as NodeJS.ErrnoException;
    throw new Error(`The secret cannot be kept beside the database (${code}).`, { cause: error });
  }
}

/**
 * Creates the complete file or none: writes it under a temporary name, then links it. If several processes do this at
 * the same time, the first wins.
 */
function createSecretFile(path: string): void {
  const temporary = `${path}.${randomBytes(8).toString("hex")}`;
  writeFileSync(temporary, `${generateSecretKey()}\n`, { mode: 0o600, flag: "wx", flush: true });
  try {
    linkSync(temporary, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    rmSync(temporary);
  }
}
