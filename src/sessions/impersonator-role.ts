/**
 * SQL expression: the role of the administrator who opened the session to act as its user.
 *
 * Null in each of these cases:
 * - The administrator's own session, from which this session was opened, has ended.
 * - The administrator is inactive, or the administrator's `credentials_version` has changed.
 * - The user now has the same role as the administrator.
 */
export const IMPERSONATOR_ROLE = `(
  SELECT ip.role FROM session own JOIN "user" i ON i.id = own.user_id JOIN profile ip ON ip.user_id = i.id
  WHERE own.id = session.impersonator_session_id AND own.ended_at IS NULL AND i.is_active
    AND i.credentials_version = own.credentials_version
    AND NOT EXISTS (SELECT 1 FROM profile up WHERE up.user_id = session.user_id AND up.role = ip.role))`;
