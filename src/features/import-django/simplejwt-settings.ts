import { createPublicKey, createSecretKey, type KeyObject } from "node:crypto";
import { z } from "zod";
import type { SignatureAlgorithm } from "../../tokens/jwt.js";

const NAME = z.string().min(1).max(255);

const ALGORITHMS = [
  ...(["HS256", "HS384", "HS512"] as const),
  ...(["RS256", "RS384", "RS512", "ES256", "ES384", "ES512"] as const),
] satisfies SignatureAlgorithm[];

/** The settings of simplejwt that say how to read a token, with simplejwt's names and defaults. */
export const SIMPLE_JWT = z.strictObject({
  ALGORITHM: z.enum(ALGORITHMS).default("HS256"),
  /** The public key in PEM, for the algorithms RS… and ES…. */
  VERIFYING_KEY: z.string().nullish(),
  AUDIENCE: z.union([NAME, z.array(NAME)]).nullish(),
  ISSUER: NAME.nullish(),
  /** Seconds. */
  LEEWAY: z.int().min(0).max(300).default(0),
  USER_ID_FIELD: NAME.default("id"),
  USER_ID_CLAIM: NAME.default("user_id"),
  TOKEN_TYPE_CLAIM: NAME.default("token_type"),
  JTI_CLAIM: NAME.default("jti"),
  SLIDING_TOKEN_REFRESH_EXP_CLAIM: NAME.default("refresh_exp"),
  CHECK_REVOKE_TOKEN: z.boolean().default(false),
  REVOKE_TOKEN_CLAIM: NAME.default("hash_password"),
});

export type SimpleJwt = z.output<typeof SIMPLE_JWT>;

export function isAsymmetric({ ALGORITHM }: SimpleJwt): boolean {
  return !ALGORITHM.startsWith("HS");
}

/** Returns whether VERIFYING_KEY is a key of the type that ALGORITHM needs: RSA or EC. */
export function hasPublicKey({ ALGORITHM, VERIFYING_KEY }: SimpleJwt): boolean {
  try {
    const { asymmetricKeyType } = createPublicKey(VERIFYING_KEY ?? "");
    return asymmetricKeyType === (ALGORITHM.startsWith("RS") ? "rsa" : "ec");
  } catch {
    return false;
  }
}

/**
 * Returns the key that verifies the tokens.
 * @param secretKey simplejwt's SIGNING_KEY, for the algorithms HS…
 */
export function verificationKeyOf(settings: SimpleJwt, secretKey = ""): KeyObject {
  return isAsymmetric(settings)
    ? createPublicKey(settings.VERIFYING_KEY ?? "")
    : createSecretKey(secretKey, "utf8");
}
