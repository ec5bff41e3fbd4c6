import { createHmac, sign } from "node:crypto";
import { resolveConfig, type JwtAlgorithm } from "../../src/config/auth-config.js";
import { Database } from "../../src/database/database.js";
import { createRefreshKeyRing, type Key } from "../../src/keys/key-ring.js";
import { SigningKeyService } from "../../src/keys/signing-key.service.js";
import type { Gate } from "./gate.js";

/** The keys that a gate signs with, which no attacker has. A token signed with them is refused only for its content. */
export async function stealKeys(
  gate: Gate,
  secretKey: string,
  jwtAlgorithm: JwtAlgorithm = "ES256",
): Promise<{ access: Key; refresh: Key }> {
  const { databaseUrl } = gate;
  const database = await Database.open(databaseUrl);
  try {
    const config = resolveConfig({ databaseUrl, secretKey, jwtAlgorithm });
    const { ring } = await SigningKeyService.open(database, config);
    return { access: ring.current, refresh: createRefreshKeyRing([secretKey]).current };
  } finally {
    await database.close();
  }
}

/** A part of a token: a value to write as JSON, or the exact text. */
export type Part = object | string;

/** The first two segments of a token. */
export function signingInput(header: Part, payload: Part): string {
  return [header, payload]
    .map((part) => (typeof part === "string" ? part : JSON.stringify(part)))
    .map((text) => Buffer.from(text).toString("base64url"))
    .join(".");
}

/** Returns a token with any header and payload, correctly signed with an ES256 or HS256 key. */
export function forge(key: Key, header: Part, payload: Part): string {
  const input = signingInput(header, payload);
  const signature =
    key.algorithm === "HS256"
      ? createHmac("sha256", key.signingKey).update(input).digest()
      : sign("sha256", Buffer.from(input), { key: key.signingKey, dsaEncoding: "ieee-p1363" });
  return `${input}.${signature.toString("base64url")}`;
}

/** Claims that a test can read and change. */
export type AnyClaims = Record<string, any> & { iat: number; exp: number };

/** Decodes the header and payload of a token. */
export function decode(token: string): { header: Record<string, unknown>; claims: AnyClaims } {
  const [header, claims] = token
    .split(".", 2)
    .map((segment) => JSON.parse(Buffer.from(segment, "base64url").toString("utf8")));
  return { header, claims };
}
