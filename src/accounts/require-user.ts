import { NoSuchUser } from "../errors.js";
import type { Sql } from "../sql.js";

/**
 * Requires that a user exists.
 * @throws {@link NoSuchUser}
 */
export async function requireUser(sql: Sql, userId: string): Promise<void> {
  const users = await sql.read(`SELECT id FROM "user" WHERE id = ?`, [userId]);
  if (users.length === 0) throw new NoSuchUser();
}
