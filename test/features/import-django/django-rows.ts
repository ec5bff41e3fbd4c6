import { createHash, createHmac, randomBytes } from "node:crypto";
import {
  jwtSessionIdOf,
  keySessionIdOf,
  userIdOf,
} from "../../../src/features/import-django/identity.js";
import { storeCosts } from "../../../src/features/import-django/password-costs.js";
import type { Gate } from "../../support/gate.js";

/** Stores a user as `gatehouse import-django` does. Returns the user's id. */
export async function storeUser(
  gate: Gate,
  djangoId: number | string,
  username: string,
  passwordHash: string | null = null,
): Promise<string> {
  const id = userIdOf(djangoId);
  await gate.core.sql.write(
    `INSERT INTO "user" (id, username, username_key, password_hash, credentials_version, failed_logins, is_active,
       created_at)
     VALUES (?, ?, ?, ?, 0, 0, ?, ?) RETURNING id`,
    [id, username, username, passwordHash, true, gate.now],
  );
  await storeCosts((statement, values) => gate.core.sql.write(statement, values), [passwordHash]);
  await gate.core.sql.write(
    `INSERT INTO django_user (user_id, django_id, imported) VALUES (?, ?, '{}') RETURNING user_id`,
    [id, String(djangoId)],
  );
  return id;
}

/** Stores a key of `rest_framework.authtoken` as `gatehouse import-django` does. */
export async function storeKey(gate: Gate, userId: string, key: string): Promise<void> {
  await gate.core.sql.write(
    `INSERT INTO session (id, user_id, scheme, secret_hash, credentials_version, generation, created_at, rotated_at)
     VALUES (?, ?, 'TOKEN', ?, 0, 0, ?, ?) RETURNING id`,
    [keySessionIdOf(key), userId, sha256(key), gate.now, gate.now],
  );
}

/** Stores a blacklisted token of simplejwt as `gatehouse import-django` does. */
export async function storeBlacklisted(gate: Gate, userId: string, jti: string): Promise<void> {
  const [id, end] = [jwtSessionIdOf(jti), gate.now + 86_400_000];
  await gate.core.sql.write(
    `INSERT INTO session (id, user_id, scheme, credentials_version, generation, created_at, rotated_at, expires_at,
       refresh_expires_at, ended_at, end_reason)
     VALUES (?, ?, 'JWT', 0, 0, ?, ?, ?, ?, ?, 'logout') RETURNING id`,
    [id, userId, gate.now, gate.now, end, end, gate.now],
  );
  await gate.core.sql.write(
    `INSERT INTO django_token (session_id, user_id, jti, expires_at) VALUES (?, ?, ?, ?) RETURNING session_id`,
    [id, userId, jti, end],
  );
}

export interface SimpleJwtClaims {
  token_type: "access" | "refresh" | "sliding";
  [claim: string]: unknown;
}

/** Signs a token as simplejwt 5 does. It expires after an hour, unless `claims` say otherwise. */
export function signAsSimpleJwt(
  gate: Gate,
  secretKey: string,
  { token_type, ...claims }: SimpleJwtClaims,
): string {
  const iat = Math.floor(gate.now / 1000);
  const jti = randomBytes(16).toString("hex");
  const usual = { token_type, exp: iat + 3600, iat, jti, user_id: 5 };
  const parts = [
    { alg: "HS256", typ: "JWT" },
    { ...usual, ...claims },
  ];
  const signed = parts.map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"));
  const signature = createHmac("sha256", secretKey).update(signed.join(".")).digest("base64url");
  return [...signed, signature].join(".");
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
