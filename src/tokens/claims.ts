import type { AuthScheme } from "../events.js";
import { TokenNotValid, TokenWrongType } from "./errors.js";
import { KnownTokenExpired } from "./expired.js";
import { parseCanonicalJson } from "./jwt.js";

/** How long the text of a required claim may be, in characters. */
const TEXT_MAX_LENGTH = 255;

/** The claims of every JWT of Gatehouse. @see RFC 7519 4.1 */
export interface Claims {
  readonly iss: string;
  readonly aud: string;
  /** The id of the user. */
  readonly sub: string;
  /** The id of the session. */
  readonly sid: string;
  readonly jti: string;
  /** Epoch seconds. */
  readonly iat: number;
  /** Epoch seconds. */
  readonly exp: number;
  /** Epoch seconds. Gatehouse checks this claim, but never sets it. */
  readonly nbf?: number;
  readonly token_type: string;
  /** The administrator who acts as the user. @see RFC 8693 4.1 */
  readonly act?: { readonly sub?: unknown };
  readonly [claim: string]: unknown;
}

/** Gatehouse's own claims. The option `claims` may not set them. @see RFC 7519 4.1, RFC 9068 2.2 */
const RESERVED_CLAIMS: ReadonlySet<string> = new Set([
  "iss",
  "aud",
  "sub",
  "client_id",
  "act",
  "sid",
  "gen",
  "jti",
  "iat",
  "nbf",
  "exp",
  "refresh_exp",
  "token_type",
  "amr",
  "auth_time",
]);

/** How long an application's claims may be, in bytes of JSON. A longer token might not fit into an HTTP header. */
const APPLICATION_CLAIMS_MAX_BYTES = 1500;

/** The claims that an application has added to a token. */
export type ApplicationClaims = Readonly<Record<string, unknown>>;

/**
 * Returns an object with the claim `act`. Returns an empty object if `impersonatorId` is null.
 * @param impersonatorId the id of the administrator who acts as the user; null for the user's own sessions
 */
export function actorClaim(impersonatorId: string | null): Pick<Claims, "act"> {
  return impersonatorId === null ? {} : { act: { sub: impersonatorId } };
}

/** Returns the id of the administrator who acts as the token's user, or null for the user's own token. */
export function impersonatorOf({ act }: { readonly act?: unknown }): string | null {
  const { sub } = (act ?? {}) as { sub?: unknown };
  return typeof sub === "string" ? sub : null;
}

export function isReserved(claim: string): boolean {
  return RESERVED_CLAIMS.has(claim);
}

export function applicationClaimsOf(claims: object): ApplicationClaims {
  return Object.fromEntries(Object.entries(claims).filter(([claim]) => !isReserved(claim)));
}

/** @throws RangeError when the application's claims are too long for a token */
export function requireRoom(claims: object): void {
  const bytes = Buffer.byteLength(JSON.stringify(applicationClaimsOf(claims)));
  if (bytes <= APPLICATION_CLAIMS_MAX_BYTES) return;
  throw new RangeError(
    `The claims that an application adds to a token may have at most ${APPLICATION_CLAIMS_MAX_BYTES} bytes of JSON, but these have ${bytes}.`,
  );
}

export interface ExpectedClaims {
  readonly iss: string;
  readonly aud: string;
  readonly token_type: string;
}

export interface Timing {
  /** The longest allowed time from `iat` to `exp`, in seconds. */
  readonly maxLifetime: number;
  /** The accepted difference between clocks, in seconds. */
  readonly leeway: number;
  /** Epoch milliseconds. */
  readonly now: number;
  readonly scheme: AuthScheme;
}

/**
 * Parses the payload of a token. Does not check whether the token has expired.
 * @throws {@link TokenWrongType} when only `token_type` is wrong
 * @throws {@link TokenNotValid} when another claim is wrong, or the payload is not JSON as Gatehouse writes it
 * @see RFC 9068 4
 */
export function parseClaims(payload: string, expected: ExpectedClaims): Claims {
  const claims = parseCanonicalJson(payload);
  const { iss, aud, sub, sid, jti, iat, exp, nbf, token_type: tokenType } = claims ?? {};
  const isOurs =
    iss === expected.iss &&
    aud === expected.aud &&
    [sub, sid, jti, tokenType].every(isNonEmptyText) &&
    isCount(iat) &&
    isCount(exp) &&
    (nbf === undefined || isCount(nbf)) &&
    exp > iat;
  if (!isOurs) throw new TokenNotValid();
  if (tokenType !== expected.token_type) throw new TokenWrongType();
  return Object.freeze(claims) as Claims;
}

/**
 * Checks the times in the claims.
 * @throws {@link TokenExpired} when the token has expired
 * @throws {@link TokenNotValid} when the token is not valid yet, or its lifetime is too long
 */
export function requireInTime(claims: Claims, { maxLifetime, leeway, now, scheme }: Timing): void {
  const seconds = Math.floor(now / 1000);
  const notBefore = Math.max(claims.iat, claims.nbf ?? 0);
  if (notBefore > seconds + leeway || claims.exp - claims.iat > maxLifetime)
    throw new TokenNotValid();
  if (seconds >= claims.exp + leeway) {
    const { sid: id, sub: userId } = claims;
    throw new KnownTokenExpired({ id, userId, scheme, impersonatorId: impersonatorOf(claims) });
  }
}

/** Returns whether a value is a whole number of at least 0. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isNonEmptyText(value: unknown): value is string {
  return typeof value === "string" && value.length > 0 && value.length <= TEXT_MAX_LENGTH;
}
