import type { Sql } from "../../sql.js";
import type { ApplicationClaims } from "../../tokens/claims.js";

/**
 * Returns the claim `user_id`, by which simplejwt finds the user: the user's primary key in Django. Returns no claim for
 * a user who did not come from Django, because Django does not know that user.
 */
export async function userIdClaim(sql: Sql, userId: string): Promise<ApplicationClaims> {
  const [user] = await sql.read<{ djangoId: string }>(
    `SELECT django_id AS "djangoId" FROM django_user WHERE user_id = ?`,
    [userId],
  );
  if (user === undefined) return {};
  const isNumber = /^\d{1,15}$/.test(user.djangoId);
  return { user_id: isNumber ? Number(user.djangoId) : user.djangoId };
}
