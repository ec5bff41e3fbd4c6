import { hasUser } from "../accounts/require-user.js";
import {
  type AuthError,
  PasswordChanged,
  TokenNotValid,
  TokenReused,
  TokenRevoked,
  UserInactive,
  UserNotFound,
} from "../errors.js";
import type { Sql } from "../sql.js";
import { KnownSessionExpired, KnownTokenExpired } from "../tokens/expired.js";
import type { TokenSession } from "../tokens/token-kinds.js";
import type { SessionRow } from "./session-reader.js";

/** SQL condition: the session has not ended, and it has not expired. {@link openAt} returns its parameters. */
export const IS_OPEN = `(session.ended_at IS NULL AND (session.expires_at IS NULL OR session.expires_at > ?)
  AND (session.refresh_expires_at IS NULL OR session.refresh_expires_at > ?))`;

/**
 * SQL condition: the session is open, its user is active, and the user's `credentials_version` has not changed. Has the
 * same parameters as {@link IS_OPEN}.
 */
export const IS_LIVE = `(${IS_OPEN} AND EXISTS (
  SELECT 1 FROM "user" owner WHERE owner.id = session.user_id AND owner.is_active
    AND owner.credentials_version = session.credentials_version))`;

/** Returns the parameters of {@link IS_OPEN}. @param at epoch milliseconds */
export function openAt(at: number): number[] {
  return [at, at];
}

/** A refresh has replaced the token. The client sees this error as {@link TokenRevoked}. */
export class TokenReplaced extends TokenRevoked {}

export interface TokenUse {
  /** Whether the token itself has expired. @default false */
  readonly isExpired?: boolean;
  /** Milliseconds after a rotation during which the previous token is also accepted. @default 0 */
  readonly reuseWindow?: number;
}

/**
 * Returns the session of a token, if the session is live. A refresh or sliding token must also be the current token of
 * the session.
 * @param row null counts as a deleted user
 * @param at epoch milliseconds
 * @throws {@link Unauthenticated} with the reason
 * @throws {@link TokenReplaced} for an earlier token of the session
 */
export function requireLive(
  row: SessionRow | null,
  token: TokenSession,
  at: number,
  use: TokenUse = {},
): SessionRow {
  if (row === null) throw new UserNotFound();
  const refusal = findRefusal(row, token, at, use);
  if (refusal !== null) throw refusal;
  return row;
}

/**
 * Returns the session of a refresh or sliding token. A session is deleted with its user, or after its tokens have
 * expired.
 * @param row null if the session has been deleted
 * @throws {@link UserNotFound} if the user has been deleted, too
 * @throws {@link TokenExpired} if the user still exists
 */
export async function requireStored(
  sql: Sql,
  row: SessionRow | null,
  session: TokenSession,
): Promise<SessionRow> {
  if (row !== null) return row;
  throw (await hasUser(sql, session.userId)) ? new KnownTokenExpired(session) : new UserNotFound();
}

function findRefusal(
  row: SessionRow,
  token: TokenSession,
  at: number,
  { isExpired = false, reuseWindow = 0 }: TokenUse,
): AuthError | null {
  if (row.userId !== token.userId || row.scheme !== token.scheme) return new TokenNotValid();
  if (row.endedAt !== null) return describeEnd(row);
  if (!row.isActive) return new UserInactive();
  if (row.credentialsVersion !== row.userCredentialsVersion) return new PasswordChanged();
  if (row.expiresAt !== null && row.expiresAt <= at) {
    return row.scheme === "TOKEN" ? new KnownTokenExpired(token) : new KnownSessionExpired(token);
  }
  if (token.generation === null) return null;
  if (token.generation > row.generation) return new TokenNotValid();
  if (token.generation < row.generation) {
    const isPredecessor = token.generation === row.generation - 1;
    return isPredecessor && at - row.rotatedAt < reuseWindow ? null : new TokenReplaced();
  }
  return isExpired || (row.refreshExpiresAt ?? 0) <= at ? new KnownTokenExpired(token) : null;
}

function describeEnd({ endReason, isActive }: SessionRow): AuthError {
  if (endReason === "reused") return new TokenReused();
  if (endReason === "password_changed") return new PasswordChanged();
  return endReason === "user_deactivated" && !isActive ? new UserInactive() : new TokenRevoked();
}
