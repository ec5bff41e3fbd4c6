/**
 * SQL expression: the role of the administrator who opened the session to act as its user. Null if the session in which
 * the administrator did so has ended, if the administrator is inactive, or if the user has the same role by now.
 */
export const IMPERSONATOR_ROLE = `(
  SELECT ip.role FROM session own JOIN "user" i ON i.id = own.user_id JOIN profile ip ON ip.user_id = i.id
  WHERE own.id = session.impersonator_session_id AND own.ended_at IS NULL AND i.is_active
    AND i.credentials_version = own.credentials_version
    AND NOT EXISTS (SELECT 1 FROM profile up WHERE up.user_id = session.user_id AND up.role = ip.role))`;
