import type { Migration } from "../../sql.js";
import type { Engine, Run } from "../engine.js";

const NAMES = "SELECT name FROM mikro_orm_migrations ORDER BY id";

/**
 * Reads the names of the recorded migrations, oldest first. They are in the table of MikroORM's migrator, because that
 * migrator created the tables of older databases.
 */
export async function readRecorded(run: Run): Promise<string[]> {
  const rows = await run<{ name: string }>(NAMES, []);
  return rows.map(({ name }) => name);
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
  for (const statement of statements) {
    await run(statement, []).catch((cause: unknown) => {
      const [feature, own] = name.split(":");
      const title = own === undefined ? name : `${own} of the feature ${feature}`;
      throw new Error(`The migration ${title} cannot be applied: ${wordsOf(cause)}`, { cause });
    });
  }
  await run("INSERT INTO mikro_orm_migrations (name) VALUES (?)", [name]);
}

function wordsOf(cause: unknown): string {
  return (cause as Error).message.replaceAll(/\s+/g, " ");
}
