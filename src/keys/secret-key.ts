import { createSecretKey, hkdfSync, type KeyObject, randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";

/** What a key derived from the root secret is for. Each purpose has a key of its own. */
export type Purpose = "refresh-token" | "key-sealing";

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

/** The root secret kept in a file that only its owner can read; made when there is none yet. */
export function readOrCreateSecretKey(path: string): string {
  try {
    writeFileSync(path, `${generateSecretKey()}\n`, { mode: 0o600, flag: "wx" });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  return readFileSync(path, "utf8").trim();
}
