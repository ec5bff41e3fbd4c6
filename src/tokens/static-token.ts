import { createHash, randomInt, timingSafeEqual } from "node:crypto";
import { crc32 } from "node:zlib";

const BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/** 43 characters of 62 are 256 bits. */
const SECRET_LENGTH = 43;
const CHECKSUM_LENGTH = 6;

/** The shape of every static token, for secret scanners. */
export const STATIC_TOKEN_PATTERN = /^gth_([0-9a-f]{32})_([0-9A-Za-z]{43})([0-9A-Za-z]{6})$/;

/** A static token taken apart. Only its shape and checksum are known to be right. */
export interface StaticToken {
  readonly sessionId: string;
  readonly secret: string;
}

/**
 * A new secret for the session, as the token to show once and the hash to store.
 * A fast hash is right for 256 random bits.
 */
export function generateStaticToken(sessionId: string): { token: string; secretHash: string } {
  const secret = Array.from({ length: SECRET_LENGTH }, () => BASE62.charAt(randomInt(62))).join("");
  const body = `gth_${sessionId}_${secret}`;
  return { token: body + checksum(body), secretHash: hashSecret(secret) };
}

/** The parts of a static token, or null where it is mistyped, cut or not one of ours: found out without a look-up. */
export function parseStaticToken(token: string): StaticToken | null {
  const [, sessionId, secret, check] = STATIC_TOKEN_PATTERN.exec(token) ?? [];
  if (sessionId === undefined || secret === undefined) return null;
  return check === checksum(`gth_${sessionId}_${secret}`) ? { sessionId, secret } : null;
}

/** Whether `secret` is the one behind the stored hash, compared in constant time. */
export function isSecretOf(secretHash: string | null, secret: string): boolean {
  const hash = Buffer.from(hashSecret(secret));
  const stored = Buffer.from(secretHash ?? "");
  return stored.length === hash.length && timingSafeEqual(stored, hash);
}

function hashSecret(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}

/** The CRC-32 of `body` in base62, least significant digit first. */
function checksum(body: string): string {
  let rest = crc32(body);
  let digits = "";
  for (let digit = 0; digit < CHECKSUM_LENGTH; digit += 1) {
    digits += BASE62.charAt(rest % 62);
    rest = Math.floor(rest / 62);
  }
  return digits;
}

/** Whether `token` means to be a static token, right or not. */
export function looksLikeStaticToken(token: string): boolean {
  return token.startsWith("gth_");
}
