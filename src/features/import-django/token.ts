import type { TextRow } from "../../database/read-only.js";
import type { AuthScheme } from "../../events.js";
import { jwtSessionIdOf, userIdOf } from "./identity.js";
import { parseInstant } from "./django-user.js";
import type { SimpleJwt } from "./simplejwt-settings.js";

/** A token of simplejwt that has not expired. Instants are epoch milliseconds. */
export interface OutstandingToken {
  readonly sessionId: string;
  readonly userId: string;
  /** The user's primary key in Django. */
  readonly djangoId: string;
  readonly jti: string;
  /** The primary key in the table `token_blacklist_outstandingtoken`. */
  readonly outstandingId: string;
  readonly scheme: AuthScheme;
  readonly createdAt: number;
  /** When the token can no longer be used or refreshed. */
  readonly expiresAt: number;
  readonly isBlacklisted: boolean;
}

/**
 * Reads a row of simplejwt's tables. Does not verify the token: simplejwt stores only its own.
 * @param names the names of the claims
 * @param now when the session begins if the row has no `created_at`, in epoch milliseconds
 * @returns null if the row is broken or names no user
 */
export function parseToken(
  row: TextRow,
  names: Pick<SimpleJwt, "USER_ID_CLAIM" | "SLIDING_TOKEN_REFRESH_EXP_CLAIM">,
  now: number,
): OutstandingToken | null {
  const { id, jti, token } = row;
  const payload = readPayload(token ?? "");
  if (id == null || jti == null || payload === null) return null;
  const claimed = payload[names.USER_ID_CLAIM];
  const refreshExp = payload[names.SLIDING_TOKEN_REFRESH_EXP_CLAIM];
  const djangoId = row["user_id"] ?? (isUserId(claimed) ? String(claimed) : null);
  const end = refreshExp ?? payload["exp"];
  if (typeof end !== "number" || djangoId === null) return null;
  return {
    sessionId: jwtSessionIdOf(jti),
    userId: userIdOf(djangoId),
    djangoId,
    jti,
    outstandingId: id,
    // Only sliding tokens have this claim.
    scheme: refreshExp === undefined ? "JWT" : "SLIDING",
    createdAt: parseInstant(row["created_at"]) ?? now,
    expiresAt: Math.round(end * 1000),
    isBlacklisted: row["blacklisted"] != null,
  };
}

function isUserId(value: unknown): value is string | number {
  return typeof value === "string" || typeof value === "number";
}

function readPayload(token: string): Readonly<Record<string, unknown>> | null {
  try {
    const text = Buffer.from(token.split(".")[1] ?? "", "base64url").toString();
    const payload: unknown = JSON.parse(text);
    return typeof payload === "object" ? (payload as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
