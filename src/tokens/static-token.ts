import { randomInt } from "node:crypto";
import { crc32 } from "node:zlib";
import { ID_SHAPE } from "../accounts/id.js";
import { hashSecret } from "./secret-hash.js";

const BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const PREFIX = "gth_";
/** 43 characters of base62 contain 256 bits. */
const SECRET_LENGTH = 43;
const CHECKSUM_LENGTH = 6;

/** Matches a text that is one static token. Does not check the checksum. */
export const STATIC_TOKEN_PATTERN = new RegExp(
  `^${PREFIX}(${ID_SHAPE})_([0-9A-Za-z]{${SECRET_LENGTH}})([0-9A-Za-z]{${CHECKSUM_LENGTH}})$`,
);

/** A parsed static token. Only its shape and checksum are verified. */
export interface StaticTokenParts {
  readonly sessionId: string;
  readonly secret: string;
}

/** Generates a static token for a session, and the hash of its secret. */
export function generateStaticToken(sessionId: string): { token: string; secretHash: string } {
  const secret = Array.from({ length: SECRET_LENGTH }, () => BASE62.charAt(randomInt(62))).join("");
  const body = `${PREFIX}${sessionId}_${secret}`;
  return { token: body + checksum(body), secretHash: hashSecret(secret) };
}

/** Returns whether a token has the prefix of a static token. The token may still be malformed. */
export function isStaticToken(token: unknown): boolean {
  return typeof token === "string" && token.startsWith(PREFIX);
}

/** Returns the parts of a static token, or null when its shape or checksum is wrong. */
export function parseStaticToken(token: string): StaticTokenParts | null {
  const match = STATIC_TOKEN_PATTERN.exec(token);
  if (match === null) return null;
  const [, sessionId = "", secret = "", check] = match;
  return check === checksum(`${PREFIX}${sessionId}_${secret}`) ? { sessionId, secret } : null;
}

/** Returns the CRC-32 of `body` in base62, least significant digit first. */
function checksum(body: string): string {
  let rest = crc32(body);
  let digits = "";
  for (let digit = 0; digit < CHECKSUM_LENGTH; digit += 1) {
    digits += BASE62.charAt(rest % 62);
    rest = Math.floor(rest / 62);
  }
  return digits;
}
