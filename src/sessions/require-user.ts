import { BadUserInput } from "../errors.js";
import type { Sql } from "../sql.js";

/**
 * Refuses an id that no user has.
 * @throws {@link BadUserInput}
 */
export async function requireUser(sql: Sql, userId: string | null): Promise<void> {
  const users = await sql.read(`SELECT id FROM "user" WHERE id = ?`, [userId]);
  if (users.length === 0) throw new BadUserInput("There is no such user.");
}
