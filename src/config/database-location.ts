import { resolve } from "node:path";

/** Returns the absolute path of the SQLite file in a URL, or null for PostgreSQL. */
export function sqlitePathOf(databaseUrl: string): string | null {
  const path = /^sqlite:(.*)$/s.exec(databaseUrl)?.[1];
  return path === undefined ? null : resolve(path);
}

/** Returns a URL without its credentials and parameters. */
export function describeDatabase(databaseUrl: string): string {
  const path = sqlitePathOf(databaseUrl);
  if (path !== null) return `sqlite:${path}`;
  // Remove the parameters first, because a password among them may contain an @.
  return databaseUrl.replace(/\?.*$/s, "").replace(/\/\/.*@/s, "//");
}
