import type { Migration } from "../../sql.js";
import type { Engine, Run } from "../engine.js";

const NAMES = "SELECT name FROM mikro_orm_migrations ORDER BY id";

/** PostgreSQL's code for a table that does not exist. */
const UNDEFINED_TABLE = "42P01";

/** The words of SQLite's error for a table that does not exist. SQLite has no code of its own for it. */
const NO_SUCH_TABLE = "SQLITE_ERROR: no such table:";

/**
 * Reads the names of the recorded migrations, oldest first. They are in the table of MikroORM's migrator, because that
 * migrator created the tables of older databases. An empty database has no such table, and no recorded migrations.
 */
export async function readRecorded(run: Run): Promise<string[]> {
  try {
    const rows = await run<{ name: string }>(NAMES, []);
    return rows.map(({ name }) => name);
  } catch (cause) {
    if (isTableMissing(cause)) return [];
    throw new Error(`The recorded migrations cannot be read: ${wordsOf(cause)}`, { cause });
  }
}

function isTableMissing(error: unknown): boolean {
  const { code, message } = error as { code?: unknown; message: string };
  return code === UNDEFINED_TABLE || message.startsWith(NO_SUCH_TABLE);
}

/**
 * Applies the migrations that are not recorded in the database yet. If a statement fails, the database stays unchanged.
 * Waits for any other process that is applying migrations.
 * @param createTable the statement that creates the table of migrations if it does not exist
 * @returns the names of the applied migrations
 */
export function applyMigrations(
  engine: Engine,
  createTable: string,
  migrations: readonly Migration[],
): Promise<string[]> {
  return engine.inTransaction(async (run) => {
    await run(createTable, []).catch((cause: unknown) => {
      throw new Error(`The migrations cannot be applied: ${wordsOf(cause)}`, { cause });
    });
    const recorded = new Set(await readRecorded(run));
    const pending = migrations.filter(({ name }) => !recorded.has(name));
    for (const migration of pending) await apply(run, migration);
    return pending.map(({ name }) => name);
  });
}

async function apply(run: Run, { name, statements }: Migration): Promise<void> {
  try {
    for (const statement of statements) await run(statement, []);
    await run("INSERT INTO mikro_orm_migrations (name) VALUES (?)", [name]);
  } catch (cause) {
    const [feature, own] = name.split(":");
    const title = own === undefined ? name : `${own} of the feature ${feature}`;
    throw new Error(`The migration ${title} cannot be applied: ${wordsOf(cause)}`, { cause });
  }
}

function wordsOf(cause: unknown): string {
  return (cause as Error).message.replaceAll(/\s+/g, " ");
}
