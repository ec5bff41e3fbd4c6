import { sqlitePathOf } from "../config/database-location.js";
import type { DatabaseSettings, Dialect } from "./engine.js";

/** The commands that compile SQLite's driver. Some package managers install the driver without compiling it. */
const CURES = {
  npm: "npm rebuild sqlite3",
  pnpm: "pnpm approve-builds",
  Yarn: `yarn rebuild sqlite3, with "dependenciesMeta": { "sqlite3": { "built": true } } in package.json`,
  Bun: "bun pm trust sqlite3",
};

/**
 * Opens SQLite or PostgreSQL. Loads only the driver that is needed, because the other driver may be missing.
 * @throws Error if the database cannot be opened. The message is one line.
 */
export async function openDialect(settings: DatabaseSettings): Promise<Dialect> {
  const { databaseUrl, createDatabase: create = true } = settings;
  const path = sqlitePathOf(databaseUrl);
  if (path !== null) {
    const { openSqlite } = await import("./sqlite.js").catch(explainMissingBinding);
    return openSqlite(path, { create });
  }
  const { openPostgres } = await import("./postgresql.js");
  return openPostgres(settings);
}

/**
 * Creates a missing PostgreSQL database and schema. Does nothing for SQLite, because {@link openDialect} creates the
 * file.
 * @returns what was created, such as `database shop`
 * @throws Error if a connection or a statement fails. The message is one line.
 */
export async function createDatabase(settings: DatabaseSettings): Promise<string[]> {
  if (sqlitePathOf(settings.databaseUrl) !== null) return [];
  const { createPostgres } = await import("./postgresql.js");
  return createPostgres(settings);
}

/**
 * Throws an error that says how to compile SQLite's driver, or the cause itself if it is another one.
 * @internal
 */
export function explainMissingBinding(cause: unknown): never {
  const { code, message } = cause as NodeJS.ErrnoException;
  // True if the binary is missing, or was compiled for another version of Node or another system.
  const isBinding = code === "ERR_DLOPEN_FAILED" || message.includes("bindings file");
  if (!isBinding) throw cause;
  const cures = Object.entries(CURES).map(([name, command]) => `${command} (${name})`);
  throw new Error(`SQLite's driver is not compiled for this system. Run ${cures.join(", or ")}.`, {
    cause,
  });
}
