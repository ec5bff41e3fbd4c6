import {
  type AuthError,
  PasswordChanged,
  SessionExpired,
  TokenExpired,
  TokenNotValid,
  TokenReused,
  TokenRevoked,
  UserInactive,
  UserNotFound,
} from "../errors.js";
import type { TokenSession } from "../tokens/token-kinds.js";
import type { SessionRow } from "./session-reader.js";

/** Whether a session has neither been ended nor expired. Each `?` takes the same instant: {@link openAt}. */
export const IS_OPEN = `(session.ended_at IS NULL AND (session.expires_at IS NULL OR session.expires_at > ?)
  AND (session.refresh_expires_at IS NULL OR session.refresh_expires_at > ?))`;

/**
 * Whether a session is open, its user active, and the password unchanged since it was opened. The `?` are those of
 * {@link IS_OPEN}. {@link findRefusal} decides the same for a row that has been read.
 */
export const IS_LIVE = `(${IS_OPEN} AND EXISTS (
  SELECT 1 FROM "user" owner WHERE owner.id = session.user_id AND owner.is_active
    AND owner.credentials_version = session.credentials_version))`;

/** Returns the parameters of {@link IS_OPEN}. @param at epoch milliseconds */
export function openAt(at: number): number[] {
  return [at, at];
}

/**
 * Returns why a token is refused, or null while its session lives and it is the session's current token.
 * Access tokens do not depend on `refreshExpiresAt`, because they have an expiry of their own.
 * @param row the session; null when it is gone, which happens to the session of a valid token only with its user
 * @param token what the token tells of its session; a null generation is not compared
 * @param at epoch milliseconds
 */
function findRefusal(
  row: SessionRow | null,
  token: TokenSession,
  at: number,
): AuthError | null {
  if (row === null) return new UserNotFound();
  if (row.userId !== token.userId || row.scheme !== token.scheme) return new TokenNotValid();
  if (row.endedAt !== null) {
    return row.endReason === "reused" ? new TokenReused() : new TokenRevoked();
  }
  if (!row.isActive) return new UserInactive();
  if (row.credentialsVersion !== row.userCredentialsVersion) return new PasswordChanged();
  if (row.expiresAt !== null && row.expiresAt <= at) {
    return row.scheme === "TOKEN" ? new TokenExpired() : new SessionExpired();
  }
  if (token.generation === null) return null;
  if (token.generation !== row.generation) return new TokenRevoked();
  return (row.refreshExpiresAt ?? 0) <= at ? new TokenExpired() : null;
}

/**
 * Returns the session of a token that {@link findRefusal} does not refuse.
 * @throws {@link Unauthenticated} with the reason
 */
export function requireLive(row: SessionRow | null, token: TokenSession, at: number): SessionRow {
  const refusal = findRefusal(row, token, at);
  if (refusal !== null || row === null) throw refusal ?? new UserNotFound();
  return row;
}
