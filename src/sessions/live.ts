import { hasUser } from "../accounts/require-user.js";
import type { Role, Roles } from "../accounts/role.js";
import type { AuthError } from "../errors.js";
import type { Sql, SqlValue } from "../sql.js";
import { TokenNotValid } from "../tokens/errors.js";
import { KnownSessionExpired, KnownTokenExpired } from "../tokens/expired.js";
import type { TokenSession } from "../tokens/token-kinds.js";
import {
  PasswordChanged,
  TokenReused,
  TokenRevoked,
  UserInactive,
  UserNotFound,
} from "./errors.js";
import { IMPERSONATOR_ROLE } from "./impersonator-role.js";
import type { SessionRow } from "./session-reader.js";

/** SQL condition: the session has not ended, and it has not expired. {@link openAt} returns its parameters. */
export const IS_OPEN = `(session.ended_at IS NULL AND (session.expires_at IS NULL OR session.expires_at > ?)
  AND (session.refresh_expires_at IS NULL OR session.refresh_expires_at > ?))`;

/**
 * SQL condition: the session is open, its user is active, and the user's `credentials_version` has not changed. If an
 * administrator acts as the user, {@link IMPERSONATOR_ROLE} must be the role of administrators. {@link liveAt} returns
 * the parameters.
 */
export const IS_LIVE = `(${IS_OPEN} AND EXISTS (
  SELECT 1 FROM "user" owner WHERE owner.id = session.user_id AND owner.is_active
    AND owner.credentials_version = session.credentials_version)
  AND (session.impersonator_id IS NULL OR ${IMPERSONATOR_ROLE} = ?))`;

/**
 * SQL condition over a row of `"user"`: a certain session of this user is open, and has the user's
 * `credentials_version`. A feature checks this condition in the statement that stores a way to log in. Otherwise a
 * thief could store such a way in a session that has ended since the request began. The first parameter is the id of
 * the session. {@link openAt} returns the others.
 */
export const HAS_SESSION = `EXISTS (SELECT 1 FROM session WHERE session.id = ? AND session.user_id = "user".id
  AND session.credentials_version = "user".credentials_version AND ${IS_OPEN})`;

/** Returns the parameters of {@link IS_OPEN}. @param at epoch milliseconds */
export function openAt(at: number): number[] {
  return [at, at];
}

/** Returns the parameters of {@link IS_LIVE}. @param at epoch milliseconds */
export function liveAt(at: number, roles: Roles): SqlValue[] {
  return [...openAt(at), roles.admin];
}

/**
 * The error for a token that a refresh has replaced. At a refresh, the client sees {@link TokenReused} instead. At
 * other requests, the client sees {@link TokenRevoked}.
 */
export class TokenReplaced extends TokenRevoked {}

export interface TokenUse {
  /** Whether the token has expired. @default false */
  readonly isExpired?: boolean;
  /** Milliseconds after a rotation during which the previous token is also accepted. @default 0 */
  readonly reuseWindow?: number;
}

/**
 * Requires that the session of a token is live, and returns it. A refresh or sliding token must also be the current
 * token of the session, or its previous token within {@link TokenUse.reuseWindow}.
 * @param row null if there is no such session. The error is then {@link UserNotFound}.
 * @param at epoch milliseconds
 * @throws {@link Unauthenticated} with the reason
 * @throws {@link TokenReplaced} for an earlier token of the session, unless {@link TokenUse.reuseWindow} allows it
 */
export function requireLive(
  row: SessionRow | null,
  token: TokenSession,
  at: number,
  roles: Roles,
  use: TokenUse = {},
): SessionRow {
  if (row === null) throw new UserNotFound();
  const refusal = findRefusal(row, token, at, roles.admin, use);
  if (refusal !== null) throw refusal;
  return row;
}

/**
 * Requires that the session of a refresh or sliding token is stored, and returns it.
 * @param row null if the session was deleted, with its user or after its tokens had expired
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
  admin: Role,
  { isExpired = false, reuseWindow = 0 }: TokenUse,
): AuthError | null {
  if (row.userId !== token.userId || row.scheme !== token.scheme) return new TokenNotValid();
  if (row.endedAt !== null) return describeEnd(row);
  if (!row.isActive) return new UserInactive();
  if (row.credentialsVersion !== row.userCredentialsVersion) return new PasswordChanged();
  if (row.impersonatorId !== null && row.impersonatorRole !== admin) return new TokenRevoked();
  if (row.expiresAt !== null && row.expiresAt <= at) {
    return row.scheme === "TOKEN" ? new KnownTokenExpired(token) : new KnownSessionExpired(token);
  }
  if (token.generation === null) return null;
  if (token.generation > row.generation) return new TokenNotValid();
  if (token.generation < row.generation) {
    const isPredecessor = token.generation === row.generation - 1;
    // The difference is negative if the database's clock was set back after the rotation.
    const age = Math.abs(at - row.rotatedAt);
    return isPredecessor && age < reuseWindow ? null : new TokenReplaced();
  }
  return isExpired || (row.refreshExpiresAt ?? 0) <= at ? new KnownTokenExpired(token) : null;
}

function describeEnd({ endReason, isActive }: SessionRow): AuthError {
  if (endReason === "reused") return new TokenReused();
  if (endReason === "password_changed") return new PasswordChanged();
  return endReason === "user_deactivated" && !isActive ? new UserInactive() : new TokenRevoked();
}
