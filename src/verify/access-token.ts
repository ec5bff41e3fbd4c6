import { decodeProtectedHeader, errors, jwtVerify, type JWTVerifyGetKey } from "jose";
import type { ResolvedOptions } from "./options.js";
import { Refusal, tokenExpired, tokenNotValid, tokenWrongType } from "./refusal.js";
import type { AccessTokenClaims } from "./verifier.js";

/** The longest token to accept, in characters. Gatehouse does not issue longer tokens. */
const TOKEN_MAX_LENGTH = 4096;
/**
 * The accepted algorithms, which all have a public key. With a shared secret, every service that verifies tokens could
 * also sign tokens.
 */
const ALGORITHMS = ["ES256", "RS256", "PS256"];
const REQUIRED = ["iss", "aud", "sub", "client_id", "sid", "jti", "iat", "exp", "token_type"];
const AT_JWT = /^(application\/)?at\+jwt$/i;

/**
 * Verifies the signature, the type, the issuer, the audience and the times of an access token.
 * @throws Refusal
 * @see RFC 9068 4
 */
export async function verifyAccessToken(
  token: unknown,
  keys: JWTVerifyGetKey,
  { issuer, audience, leeway }: Pick<ResolvedOptions, "issuer" | "audience" | "leeway">,
): Promise<AccessTokenClaims> {
  if (typeof token !== "string" || token.length > TOKEN_MAX_LENGTH) throw tokenNotValid();
  try {
    // Check the type before the signature. The published keys verify only access tokens, so a token of another type
    // would otherwise be refused as not valid.
    if (token.startsWith("gth_")) throw tokenWrongType();
    if (!AT_JWT.test(decodeProtectedHeader(token).typ ?? "")) throw tokenWrongType();
    const { payload } = await jwtVerify(token, keys, {
      ...{ issuer, audience, algorithms: ALGORITHMS, requiredClaims: REQUIRED },
      clockTolerance: leeway,
    });
    if (payload["token_type"] !== "access") throw tokenWrongType();
    return payload as unknown as AccessTokenClaims;
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw error instanceof errors.JWTExpired ? tokenExpired() : tokenNotValid();
  }
}
