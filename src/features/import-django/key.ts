import { createHash } from "node:crypto";
import type { TextRow } from "../../database/read-only.js";
import { parseInstant } from "./django-user.js";
import { keySessionIdOf } from "./identity.js";

/** A key of `rest_framework.authtoken`, as it is stored. */
export interface Key {
  readonly djangoId: string;
  readonly sessionId: string;
  /** The SHA-256 of the key. */
  readonly secretHash: string;
  /** Epoch milliseconds. */
  readonly createdAt: number;
}

/** @param now epoch milliseconds, for a key without a date @returns null if the key cannot be used */
export function parseKey(row: TextRow, now: number): Key | null {
  const key = row["key"] ?? "";
  if (!/^[0-9a-f]{40}$/.test(key)) return null;
  return {
    djangoId: row["user_id"] ?? "",
    sessionId: keySessionIdOf(key),
    secretHash: createHash("sha256").update(key).digest("hex"),
    createdAt: parseInstant(row["created"]) ?? now,
  };
}
