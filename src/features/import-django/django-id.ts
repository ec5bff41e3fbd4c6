import type { Sql } from "../../sql.js";

/**
 * Returns a user's primary key in Django: a number if it has at most 15 digits and nothing else, otherwise text, such
 * as a UUID. Returns undefined for a user who did not come from Django.
 */
export async function readDjangoId(
  sql: Pick<Sql, "read">,
  userId: string,
): Promise<number | string | undefined> {
  const [user] = await sql.read<{ djangoId: string }>(
    `SELECT django_id AS "djangoId" FROM django_user WHERE user_id = ?`,
    [userId],
  );
  if (user === undefined) return undefined;
  return /^\d{1,15}$/.test(user.djangoId) ? Number(user.djangoId) : user.djangoId;
}
