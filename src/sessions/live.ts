/** A session that is not over by itself. The two `?` are the present instant: {@link isOpenAt}. */
export const IS_OPEN = `(session.ended_at IS NULL AND (session.expires_at IS NULL OR session.expires_at > ?)
  AND (session.refresh_expires_at IS NULL OR session.refresh_expires_at > ?))`;

/** An open session whose user is active, and has not changed the password since. With the `?` of {@link IS_OPEN}. */
export const IS_LIVE = `(${IS_OPEN} AND EXISTS (
  SELECT 1 FROM "user" owner WHERE owner.id = session.user_id AND owner.is_active
    AND owner.credentials_version = session.credentials_version))`;

/** The parameters of {@link IS_OPEN}. */
export function isOpenAt(at: number): number[] {
  return [at, at];
}
