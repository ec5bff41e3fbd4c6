import { resolve } from "node:path";

/** Returns the absolute path of the SQLite file that a URL names, or null for another kind of database. */
export function sqlitePathOf(databaseUrl: string): string | null {
  const path = /^sqlite:(.*)$/s.exec(databaseUrl)?.[1];
  return path === undefined ? null : resolve(path);
}

/** Returns a database's URL without credentials and parameters, for people to read. */
export function describeDatabase(databaseUrl: string): string {
  const path = sqlitePathOf(databaseUrl);
  if (path !== null) return `sqlite:${path}`;
  // The parameters first: a password among them may contain an @.
  return databaseUrl.replace(/\?.*$/s, "").replace(/\/\/.*@/s, "//");
}
