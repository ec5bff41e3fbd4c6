import type { KeyObject } from "node:crypto";
import jsonwebtoken from "jsonwebtoken";
import type { Key } from "../keys/key-ring.js";
import { TokenNotValid } from "./errors.js";

/** A signature algorithm. @see RFC 7518 3.1 */
export type SignatureAlgorithm = `${"HS" | "RS" | "PS" | "ES"}${256 | 384 | 512}`;

/** How long a token may be, in characters. */
export const TOKEN_MAX_LENGTH = 4096;

const THREE_SEGMENTS = /^([\w-]+)\.([\w-]+)\.([\w-]+)$/;
const HEADER_PARAMETERS = ["alg", "kid", "typ"];

/** A parsed JWT. Nothing in it is verified. */
export interface UnverifiedJwt {
  readonly token: string;
  readonly header: Readonly<Record<string, unknown>>;
  /** The text of the payload. It has not been parsed, and need not be JSON. */
  readonly payload: string;
}

/** Signs the claims, and neither adds nor removes a claim. */
export function signJwt(claims: object, key: Key, typ: string): string {
  return jsonwebtoken.sign(claims, key.signingKey, {
    algorithm: key.algorithm,
    header: { alg: key.algorithm, kid: key.kid, typ },
    // Without `noTimestamp`, the library adds a missing `iat`. With it, the library removes an existing `iat`.
    noTimestamp: !Object.hasOwn(claims, "iat"),
  });
}

/**
 * Parses a JWT. Its segments must be canonical base64url. Its header may contain only `alg`, `kid` and `typ`.
 * @throws {@link TokenNotValid}
 * @see RFC 7515 4.1.11
 */
export function parseJwt(token: unknown): UnverifiedJwt {
  if (typeof token !== "string" || token.length > TOKEN_MAX_LENGTH) throw new TokenNotValid();
  const segments = THREE_SEGMENTS.exec(token)?.slice(1) ?? [];
  const [headerText, payload, signature] = segments.map(decodeCanonical);
  const header = parseCanonicalJson(headerText ?? null);
  if (header === null || payload == null || signature == null) throw new TokenNotValid();
  if (!Object.keys(header).every((parameter) => HEADER_PARAMETERS.includes(parameter))) {
    throw new TokenNotValid();
  }
  return { token, header, payload };
}

/**
 * Verifies the signature. Does not check the payload.
 * @throws {@link TokenNotValid}
 * @see RFC 8725 3.1
 */
export function verifySignature(
  { token, header }: UnverifiedJwt,
  key: { algorithm: SignatureAlgorithm; verificationKey: KeyObject },
): void {
  if (header["alg"] !== key.algorithm) throw new TokenNotValid();
  try {
    jsonwebtoken.verify(token, key.verificationKey, {
      algorithms: [key.algorithm],
      ignoreExpiration: true,
      ignoreNotBefore: true,
    });
  } catch {
    throw new TokenNotValid();
  }
}

/**
 * Returns the payload of an unverified token, for debugging only.
 * @throws {@link TokenNotValid} when the payload is not a JSON object
 */
export function decodePayload(token: unknown): Record<string, unknown> {
  const [, payload = ""] = typeof token === "string" ? token.split(".") : [];
  const claims = parseObject(Buffer.from(payload, "base64url").toString("utf8"));
  if (claims === null) throw new TokenNotValid();
  return claims;
}

/**
 * Returns the JSON object in `text`. Returns null if there is none, or if `JSON.stringify` would give another text, as
 * for `{ "a": 1 }` and `{"a":1,"a":1}`.
 */
export function parseCanonicalJson(text: string | null): Record<string, unknown> | null {
  const value = parseObject(text ?? "");
  return JSON.stringify(value) === text ? value : null;
}

/**
 * Returns the text of a base64url segment. Returns null if the segment is not canonical: encoding its bytes again would
 * give another segment.
 */
function decodeCanonical(segment: string): string | null {
  const bytes = Buffer.from(segment, "base64url");
  return bytes.toString("base64url") === segment ? bytes.toString("utf8") : null;
}

/** Returns the JSON object in `text`. Returns null for any other text. */
export function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    const isObjectOrNull = typeof value === "object" && !Array.isArray(value);
    return isObjectOrNull ? (value as Record<string, unknown> | null) : null;
  } catch {
    return null;
  }
}
