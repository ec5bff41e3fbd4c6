import { createHash, randomBytes, timingSafeEqual } from "node:crypto";

/** Matches 256 bits in base64url, which are 43 characters. */
const SECRET = /^[\w-]{43}$/;

/** Returns 256 random bits in base64url. */
export function randomSecret(): string {
  return randomBytes(32).toString("base64url");
}

/** Returns whether a value has the form of 256 bits in base64url. */
export function isSecret(value: unknown): value is string {
  return typeof value === "string" && SECRET.test(value);
}

/** Returns the SHA-256 of a random secret, in hex. Nobody can guess such a secret, so a fast hash is enough. */
export function hashSecret(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}

/** Returns whether `secretHash` is the hash of `secret`. Compares in constant time. */
export function isSecretOf(secretHash: string | null, secret: string): boolean {
  const hash = Buffer.from(hashSecret(secret));
  const stored = Buffer.from(secretHash ?? "");
  return stored.length === hash.length && timingSafeEqual(stored, hash);
}
