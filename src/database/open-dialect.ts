import { sqlitePathOf } from "../config/database-location.js";
import type { DatabaseSettings, Dialect } from "./engine.js";

/** How each package manager compiles a package whose install script it did not run. */
const CURES = {
  npm: "npm rebuild sqlite3",
  pnpm: "pnpm approve-builds",
  Yarn: `yarn rebuild sqlite3, with "dependenciesMeta": { "sqlite3": { "built": true } } in package.json`,
  Bun: "bun pm trust sqlite3",
};

/**
 * Opens the kind of database that the URL names. Only its driver is loaded: SQLite's has to be compiled, which some
 * package managers do not do unasked.
 * @throws Error whose message is one line
 */
export async function openDialect({
  databaseUrl,
  createDatabase: create = true,
}: DatabaseSettings): Promise<Dialect> {
  const path = sqlitePathOf(databaseUrl);
  if (path !== null) {
    const { openSqlite } = await import("./sqlite.js").catch(explainMissingBinding);
    return openSqlite(path, { create });
  }
  const { openPostgres } = await import("./postgresql.js");
  return openPostgres(databaseUrl);
}

function explainMissingBinding(cause: unknown): never {
  const { code, message } = cause as NodeJS.ErrnoException;
  // Missing, or compiled for another version of Node or another system.
  const isBinding = code === "ERR_DLOPEN_FAILED" || message.includes("bindings file");
  if (!isBinding) throw cause;
  const cures = Object.entries(CURES).map(([name, command]) => `${command} (${name})`);
  throw new Error(`SQLite's driver is not compiled. Run ${cures.join(", or ")}.`, { cause });
}
