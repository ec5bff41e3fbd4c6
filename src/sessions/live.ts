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
 * Whether a session is open, its user active, and the password unchanged since it was opened. Takes the parameters of
 * {@link IS_OPEN}. {@link requireLive} applies the same rule to a row that has been read.
 */
export const IS_LIVE = `(${IS_OPEN} AND EXISTS (
  SELECT 1 FROM "user" owner WHERE owner.id = session.user_id AND owner.is_active
    AND owner.credentials_version = session.credentials_version))`;

/** Returns the parameters of {@link IS_OPEN}. @param at epoch milliseconds */
export function openAt(at: number): number[] {
  return [at, at];
}

/**
 * Returns the session of a token, if the session is live and the token is the session's current one. Access tokens do
 * not depend on `refreshExpiresAt`, because they have an expiry of their own.
 * @param row null when there is no such session: for a valid token this means that its user was deleted
 * @param token the session that the token names; a null generation is not compared
 * @param at epoch milliseconds
 * @throws {@link Unauthenticated} with the reason
 */
export function requireLive(row: SessionRow | null, token: TokenSession, at: number): SessionRow {
  if (row === null) throw new UserNotFound();
  const refusal = findRefusal(row, token, at);
  if (refusal !== null) throw refusal;
  return row;
}

function findRefusal(row: SessionRow, token: TokenSession, at: number): AuthError | null {
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
