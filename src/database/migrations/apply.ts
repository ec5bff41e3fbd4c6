import type { Migration } from "../../sql.js";
import type { Engine, Run } from "../engine.js";

const NAMES = "SELECT name FROM mikro_orm_migrations ORDER BY id";

const UNDEFINED_TABLE = "42P01";

/** The beginning of SQLite's message when a table does not exist. SQLite has no separate code for this error. */
const NO_SUCH_TABLE = "SQLITE_ERROR: no such table:";

/**
 * Reads the names of the applied migrations, oldest first. The table `mikro_orm_migrations` has this name because
 * earlier versions of Gatehouse used MikroORM's migrator.
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
 * Applies the migrations that the database does not record yet, in one transaction.
 * @returns the names of the migrations that this call has applied
 */
export async function applyMigrations(
  engine: Engine,
  migrations: readonly Migration[],
): Promise<string[]> {
  const all = "The migrations";
  let title = all;
  try {
    return await engine.inLongTransaction(async (run) => {
      const recorded = new Set(await readRecorded(run));
      const pending = migrations.filter(({ name }) => !recorded.has(name));
      for (const migration of pending) {
        title = titleOf(migration);
        await apply(run, migration);
      }
      title = all;
      return pending.map(({ name }) => name);
    });
  } catch (cause) {
    throw new Error(`${title} cannot be applied: ${wordsOf(cause)}`, { cause });
  }
}

async function apply(run: Run, { name, statements }: Migration): Promise<void> {
  for (const statement of statements) await run(statement, []);
  await run("INSERT INTO mikro_orm_migrations (name) VALUES (?)", [name]);
}

function titleOf({ name }: Migration): string {
  const [feature, own] = name.split(":");
  return `The migration ${own === undefined ? name : `${own} of the feature ${feature}`}`;
}

function wordsOf(cause: unknown): string {
  return (cause as Error).message.replaceAll(/\s+/g, " ");
}
