import { createSecretKey, hkdfSync, type KeyObject, randomBytes } from "node:crypto";
import { existsSync, readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { SECRET_KEYS } from "../config/secret-keys.js";
import { sqlitePathOf } from "../config/database-location.js";
import { createPrivateFile } from "./private-file.js";

/** The purpose of a derived key. Each purpose has its own key. */
export type Purpose =
  "refresh-token" | "key-sealing" | "throttling" | "audit" | `feature:${string}`;

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

/** Returns the path of the generated root secret: beside the SQLite file, or in the folder `data` for PostgreSQL. */
export function secretPathOf(databaseUrl: string): string {
  const path = sqlitePathOf(databaseUrl) ?? resolve("data/gatehouse");
  return `${path.replace(/\.sqlite$/, "")}.secret`;
}

/**
 * Returns the root secret of a database. Creates a missing secret, except for an existing SQLite database.
 * @throws Error when the file cannot be created or read, or does not contain a secret
 * @throws Error when an existing SQLite database has no secret
 */
export function readOrCreateSecretKey(databaseUrl: string): string {
  const path = secretPathOf(databaseUrl);
  // The secret is created before the database. So if only the database exists, the secret was lost, and `readSecretKey`
  // throws.
  if (!isDatabaseMade(databaseUrl)) createSecretFile(path);
  return readSecretKey(databaseUrl);
}

/**
 * Returns the root secret of a database. Writes nothing.
 * @throws Error when the file is missing, cannot be read, or does not contain a secret
 */
export function readSecretKey(databaseUrl: string): string {
  const path = secretPathOf(databaseUrl);
  const isMade = isDatabaseMade(databaseUrl);
  if (!existsSync(path)) {
    throw new Error(
      isMade
        ? `The database exists, but its secret ${path} is missing. Restore that file, or set SECRET_KEY.`
        : `There is no secret ${path} yet. Set SECRET_KEY, or start the server, which makes one in development.`,
    );
  }
  const secretKey = readSecretFile(path);
  if (!SECRET_KEYS.safeParse(secretKey).success) {
    const remedy = isMade ? "Restore" : "Delete";
    throw new Error(
      `The file ${path} does not hold a secret of at least 32 random bytes. ${remedy} it.`,
    );
  }
  return secretKey;
}

function readSecretFile(path: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch (error) {
    const { code = "unknown error" } = error as NodeJS.ErrnoException;
    throw new Error(`The secret ${path} cannot be read (${code}).`, { cause: error });
  }
}

function isDatabaseMade(databaseUrl: string): boolean {
  const path = sqlitePathOf(databaseUrl) ?? "";
  return existsSync(path) && statSync(path).size > 0;
}

function createSecretFile(path: string): void {
  try {
    if (!existsSync(path)) createPrivateFile(path, `${generateSecretKey()}\n`);
  } catch (error) {
    const { code = "unknown error" } = error as NodeJS.ErrnoException;
    throw new Error(`The secret ${path} cannot be stored beside the database (${code}).`, {
      cause: error,
    });
  }
}
