import { createSecretKey, hkdfSync, type KeyObject, randomBytes } from "node:crypto";
import { existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** What a key derived from the root secret is for. Each purpose has a key of its own. */
export type Purpose = "refresh-token" | "key-sealing" | "throttling" | "audit";

/**
 * A 256-bit key for one purpose, from the root secret.
 * @see RFC 5869
 */
export function deriveKey(secretKey: string, purpose: Purpose): KeyObject {
  return createSecretKey(
    Buffer.from(hkdfSync("sha256", secretKey, "", `gatehouse:${purpose}`, 32)),
  );
}

/** A new root secret: 256 random bits in base64url. */
export function generateSecretKey(): string {
  return randomBytes(32).toString("base64url");
}

/** Where the root secret is kept that is made at the first start: beside the database. */
export function secretPathOf(databaseUrl: string): string {
  const [, path = "data/gatehouse"] = /^sqlite:(.*?)(?:\.sqlite)?$/s.exec(databaseUrl) ?? [];
  return `${path}.secret`;
}

/**
 * The root secret kept in a file that only its owner can read; made when there is none yet.
 * @throws Error that says in one line why it cannot be made
 */
export function readOrCreateSecretKey(path: string): string {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    if (!existsSync(path)) createSecretFile(path);
    return readFileSync(path, "utf8").trim();
  } catch (error) {
    const { code = "unknown error" } = error as NodeJS.ErrnoException;
    throw new Error(`The secret cannot be kept beside the database (${code}).`, { cause: error });
  }
}

/** The file appears under its name with its content, or not at all; of several that are made at once, one stays. */
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
