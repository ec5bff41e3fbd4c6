import { createHmac, sign } from "node:crypto";
import { createRefreshKeyRing, type Key } from "../../src/keys/key-ring.js";
import type { Gate } from "./gate.js";

/** Returns the gate's signing keys. A token forged with them has a right signature, so only its content is wrong. */
export function stealKeys({ core, secretKey }: Gate): { access: Key; refresh: Key } {
  return { access: core.keys.ring.current, refresh: createRefreshKeyRing([secretKey]).current };
}

/** A segment of a token: a value to encode as JSON, or its exact text. */
export type Part = object | string;

/** Returns the first two segments of a token. */
export function signingInput(header: Part, payload: Part): string {
  return [header, payload]
    .map((part) => (typeof part === "string" ? part : JSON.stringify(part)))
    .map((text) => Buffer.from(text).toString("base64url"))
    .join(".");
}

/** Returns a token of any header and payload, correctly signed with an ES256 or HS256 key. */
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

/** Decodes the header and the payload of a token. */
export function decode(token: string): { header: Record<string, unknown>; claims: AnyClaims } {
  const [header, claims] = token
    .split(".", 2)
    .map((segment) => JSON.parse(Buffer.from(segment, "base64url").toString("utf8")));
  return { header, claims };
}
