import type { TextRow } from "../../database/read-only.js";
import { hashSecret } from "../../tokens/secret-hash.js";
import { parseInstant } from "./django-user.js";
import { keySessionIdOf, userIdOf } from "./identity.js";
import type { IssuedToken } from "./openable-tokens.js";

/** A key of `rest_framework.authtoken`, with the values that Gatehouse stores. */
export interface Key extends IssuedToken {
  readonly djangoId: string;
  /** The SHA-256 of the key. */
  readonly secretHash: string;
  /** Epoch milliseconds. */
  readonly createdAt: number;
}

/** @param now epoch milliseconds, for a key without a date @returns null if the key cannot be used */
export function parseKey(row: TextRow, now: number): Key | null {
  const key = row["key"] ?? "";
  if (!/^[0-9a-f]{40}$/.test(key)) return null;
  const djangoId = row["user_id"] ?? "";
  const createdAt = parseInstant(row["created"]);
  return {
    djangoId,
    userId: userIdOf(djangoId),
    sessionId: keySessionIdOf(key),
    secretHash: hashSecret(key),
    issuedAt: createdAt,
    createdAt: createdAt ?? now,
  };
}
