import { sqlitePathOf } from "../config/database-location.js";
import { parsePostgresUrl } from "../config/postgresql-url.js";
import type { ReadOnlyDatabase } from "./read-only.js";

/**
 * Opens a SQLite file or a PostgreSQL database read-only. The database may belong to another application.
 * @throws Error if the database cannot be opened. The message is one line without a password.
 */
export async function openReadOnly(url: string): Promise<ReadOnlyDatabase> {
  const path = sqlitePathOf(url);
  if (path !== null) return (await import("./read-only-sqlite.js")).openSqliteReadOnly(path);
  const { openPostgresReadOnly } = await import("./read-only-postgresql.js");
  return openPostgresReadOnly(parsePostgresUrl(url));
}
