import { resolve } from "node:path";

const SQLITE = "sqlite:";

/** Returns the absolute path of the SQLite file in a URL, or null for PostgreSQL. */
export function sqlitePathOf(databaseUrl: string): string | null {
  return databaseUrl.startsWith(SQLITE) ? resolve(databaseUrl.slice(SQLITE.length)) : null;
}

/** Returns a database URL without its credentials and parameters. The path of a SQLite file is made absolute. */
export function describeDatabase(databaseUrl: string): string {
  const path = sqlitePathOf(databaseUrl);
  if (path !== null) return `${SQLITE}${path}`;
  // Remove the parameters first, because a password among them may contain an @.
  const [address = ""] = databaseUrl.split("?");
  return address.replace(/\/\/.*@/s, "//");
}
