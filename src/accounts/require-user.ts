import type { Sql } from "../sql.js";
import { NoSuchUser } from "./errors.js";

export async function hasUser(sql: Sql, userId: string): Promise<boolean> {
  const users = await sql.read(`SELECT id FROM "user" WHERE id = ?`, [userId]);
  return users.length > 0;
}

export async function requireUser(sql: Sql, userId: string): Promise<void> {
  if (!(await hasUser(sql, userId))) throw new NoSuchUser();
}
