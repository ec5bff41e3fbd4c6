import jsonwebtoken from "jsonwebtoken";
import { TokenExpired, TokenNotValid, TokenWrongType, UnknownKey } from "../errors.js";
import type { Key, KeyRing } from "../keys/key-ring.js";

/** In characters. A longer token is refused before anything is decoded. */
export const TOKEN_MAX_LENGTH = 4096;

const THREE_SEGMENTS = /^([\w-]+)\.([\w-]+)\.([\w-]+)$/;
const HEADER_PARAMETERS = ["alg", "kid", "typ"];
const KEY_ID = /^[\w-]{1,64}$/;

/** The claims that each of our tokens has. @see RFC 7519 4.1 */
export interface Claims {
  readonly iss: string;
  readonly aud: string;
  /** The user. */
  readonly sub: string;
  /** The session. */
  readonly sid: string;
  readonly jti: string;
  /** Epoch seconds. */
  readonly iat: number;
  /** Epoch seconds. */
  readonly exp: number;
  readonly token_type: string;
  readonly [claim: string]: unknown;
}

/** What a verifier demands of a token, whenever it comes. */
export interface Expectation {
  /** The `typ` header. @see RFC 8725 3.11 */
  readonly typ: string;
  readonly tokenType: string;
  readonly issuer: string;
  readonly audience: string;
}

/** When a verifier accepts a token. */
export interface Timing {
  /** The longest `exp - iat`, in seconds. */
  readonly maxLifetime: number;
  /** In seconds, on both sides. */
  readonly leeway: number;
  /** Epoch milliseconds. */
  readonly now: number;
}

/** Signs `claims` with the key's own algorithm, as they are. */
export function signJwt(claims: Claims, key: Key, typ: string): string {
  return jsonwebtoken.sign(claims, key.signingKey, {
    algorithm: key.algorithm,
    header: { alg: key.algorithm, kid: key.kid, typ },
    // Otherwise a missing `iat` would be added; with it, one that is there would be dropped.
    noTimestamp: !Object.hasOwn(claims, "iat"),
  });
}

/**
 * The claims of a token that is ours and of the expected type, and the `kid` of its key. It may have expired.
 * @throws {@link TokenNotValid}, {@link UnknownKey}, {@link TokenWrongType}
 * @see RFC 8725, RFC 9068 4
 */
export function verifyAnyAge(
  token: string,
  ring: KeyRing,
  expected: Expectation,
): { claims: Claims; kid: string } {
  const { payload, key } = verifySignature(token, ({ typ, kid }) => {
    if (typ !== expected.typ) throw new TokenWrongType();
    if (typeof kid !== "string" || !KEY_ID.test(kid)) throw new TokenNotValid();
    const key = ring.find(kid);
    if (key === undefined) throw new UnknownKey();
    return key;
  });
  return { claims: requireClaims(parseCanonical(payload), expected), kid: key.kid };
}

/**
 * Refuses what is past its `exp`, not yet valid, or lives longer than we sign. The boundary belongs to expired.
 * @throws {@link TokenExpired}, {@link TokenNotValid}
 */
export function requireInTime(claims: Claims, { maxLifetime, leeway, now }: Timing): void {
  const seconds = Math.floor(now / 1000);
  const notBefore = claims["nbf"] ?? claims.iat;
  const isEarly = !isInstant(notBefore) || Math.max(claims.iat, notBefore) > seconds + leeway;
  if (isEarly || claims.exp - claims.iat > maxLifetime) throw new TokenNotValid();
  if (seconds >= claims.exp + leeway) throw new TokenExpired();
}

/**
 * The payload of a token whose signature is right under the one algorithm of its key, and that key.
 * Nothing is known yet of the payload, not even that it is JSON.
 * @param findKey picks the key by the header, which is not verified at that point.
 * @throws {@link TokenNotValid}, and what `findKey` throws
 */
export function verifySignature(
  token: string,
  findKey: (header: Record<string, unknown>) => Key | undefined,
): { key: Key; payload: string } {
  if (token.length > TOKEN_MAX_LENGTH) throw new TokenNotValid();
  const segments = THREE_SEGMENTS.exec(token)?.slice(1) ?? [];
  const [headerText, payload, signature] = segments.map(decodeCanonical);
  const header = parseCanonical(headerText ?? null);
  if (header === null || payload == null || signature == null) throw new TokenNotValid();
  // RFC 7515 4.1.11: an extension that is not understood, `crit` above all, makes the token unusable.
  const isPlain = Object.keys(header).every((parameter) => HEADER_PARAMETERS.includes(parameter));
  const key = isPlain ? findKey(header) : undefined;
  if (key === undefined || header["alg"] !== key.algorithm) throw new TokenNotValid();
  try {
    jsonwebtoken.verify(token, key.verificationKey, {
      algorithms: [key.algorithm],
      ignoreExpiration: true,
      ignoreNotBefore: true,
    });
  } catch {
    throw new TokenNotValid();
  }
  return { key, payload };
}

/**
 * The payload of a token without any check of it: for debugging, never for a decision.
 * @throws {@link TokenNotValid} when there is no JSON object in it
 */
export function decodePayload(token: string): Record<string, unknown> {
  const [, payload = ""] = token.split(".");
  const claims = parseObject(Buffer.from(payload, "base64url").toString("utf8"));
  if (claims === null) throw new TokenNotValid();
  return claims;
}

/** The text in a base64url segment, or null where the segment has another spelling than the canonical one. */
function decodeCanonical(segment: string): string | null {
  const bytes = Buffer.from(segment, "base64url");
  return bytes.toString("base64url") === segment ? bytes.toString("utf8") : null;
}

/**
 * The JSON object in `text`, if it is spelled as we spell it: no duplicate member, blank, escape or
 * number in another form survives the comparison.
 */
function parseCanonical(text: string | null): Record<string, unknown> | null {
  const value = parseObject(text ?? "");
  return JSON.stringify(value) === text ? value : null;
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

function requireClaims(payload: Record<string, unknown> | null, expected: Expectation): Claims {
  const { iss, aud, sub, sid, jti, iat, exp, token_type: tokenType } = payload ?? {};
  const isOurs =
    iss === expected.issuer &&
    aud === expected.audience &&
    [sub, sid, jti, tokenType].every(isNonEmptyText) &&
    isInstant(iat) &&
    isInstant(exp) &&
    exp > iat;
  if (!isOurs) throw new TokenNotValid();
  if (tokenType !== expected.tokenType) throw new TokenWrongType();
  return Object.freeze(payload) as Claims;
}

function isNonEmptyText(value: unknown): value is string {
  return typeof value === "string" && value.length > 0 && value.length <= 255;
}

function isInstant(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
