import { describeDatabase } from "../../config/database-location.js";
import { ServiceUnavailable } from "../../errors.js";
import type { Progress } from "../../progress.js";
import type { RunStatement } from "../../sql.js";
import { Database } from "../database.js";
import type { DatabaseSettings } from "../engine.js";
import { readRecorded } from "../migrations/apply.js";
import { listMigrations, type TableOwner } from "../migrations/list.js";
import { UNFINISHED_COPY, UNFINISHED_COPY_NAME } from "../migrations/unfinished-copy.js";
import { createDatabase } from "../open-dialect.js";
import { openReadOnly } from "../open-read-only.js";
import { Copier } from "./copier.js";
import { CopySource } from "./source.js";
import { listTables } from "./target.js";

export interface CopyOptions {
  /** The URL of the SQLite database. */
  readonly from: string;
  /** The settings of the PostgreSQL database. */
  readonly to: DatabaseSettings;
  /** All features, on or off. */
  readonly features: readonly TableOwner[];
  readonly progress: Progress;
  readonly print: (line: string) => void;
}

/**
 * Copies a SQLite database to PostgreSQL, or continues a copy that is not complete. Meanwhile, nobody can write to the
 * SQLite database.
 * @returns the number of rows of each table
 * @throws Error with a message of one line, which says what is wrong
 */
export async function copyDatabase(options: CopyOptions): Promise<ReadonlyMap<string, number>> {
  const { from } = options;
  await requireOurTables(from);
  const source = await Database.open({ databaseUrl: from, createDatabase: false });
  try {
    return await whileLocked(source, from, (run) => copyFrom(run, options));
  } finally {
    await source.close();
  }
}

/**
 * Requires that the file has tables of Gatehouse. Opens the file read-only, because {@link Database.open} would change
 * the journal mode of another program's file.
 */
async function requireOurTables(from: string): Promise<void> {
  const database = await openReadOnly(from);
  try {
    const columns = await database.query(database.columnsOf, ["mikro_orm_migrations"]);
    if (columns.length > 0) return;
  } finally {
    await database.close();
  }
  throw new Error(`The database ${describeDatabase(from)} has no tables of Gatehouse.`);
}

/** Calls `use` while nobody else can write to the SQLite database. `use` must not write to it either. */
async function whileLocked<Result>(
  source: Database,
  from: string,
  use: (run: RunStatement) => Promise<Result>,
): Promise<Result> {
  const begun: Promise<Result>[] = [];
  try {
    await source.inTransaction(async (run) => {
      const result = use(run);
      begun.push(result);
      await result.catch(() => undefined);
    });
  } catch (cause) {
    if (begun.length === 0) {
      throw new Error(
        `The database ${describeDatabase(from)} cannot be locked (${reasonOf(cause)}). Stop the programs that write to it.`,
        { cause },
      );
    }
  }
  const [result] = begun;
  if (result === undefined) throw new Error("The transaction has not begun.");
  return result;
}

async function copyFrom(
  run: RunStatement,
  { from, to, features, progress, print }: CopyOptions,
): Promise<ReadonlyMap<string, number>> {
  const owners = findOwners(await readRecorded(run), features, from);
  for (const name of await createDatabase(to)) print(`Created the ${name}.`);
  const target = await Database.open({ ...to, createDatabase: true }, [...owners, UNFINISHED_COPY]);
  const copier = new Copier(new CopySource(run), target, progress, print);
  try {
    await requireEmpty(target, to);
    await target.migrate();
    return await copier.run();
  } catch (cause) {
    if ((cause as { code?: unknown }).code === undefined) throw cause;
    const place = copier.table === "" ? "" : ` at the table ${copier.table}`;
    const advice =
      cause instanceof ServiceUnavailable ? " Run the same command again to continue." : "";
    throw new Error(`The copy stopped${place}: ${reasonOf(cause)}.${advice}`, { cause });
  } finally {
    await target.close().catch(() => undefined);
  }
}

/**
 * Returns the features that have tables in the source, with the migrations that the source has.
 * @param recorded the names of the migrations that the source has
 * @throws Error if the source lacks a migration of this version's core, or has an unknown migration
 */
function findOwners(
  recorded: readonly string[],
  features: readonly TableOwner[],
  from: string,
): TableOwner[] {
  const owners = features.map(({ name: feature, migrations = [] }) => ({
    name: feature,
    migrations: migrations.filter(({ name }) => recorded.includes(`${feature}:${name}`)),
  }));
  const known = listMigrations(owners).map(({ name }) => name);
  const unknown = recorded.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    const [feature, own] = unknown.split(":");
    const isLoaded = own === undefined || features.some(({ name }) => name === feature);
    throw new Error(
      isLoaded
        ? `A newer version wrote the database ${describeDatabase(from)}: the migration ${unknown} is unknown.`
        : `The database ${describeDatabase(from)} has tables of the feature ${feature}. Set FEATURES as for the server.`,
    );
  }
  if (known.some((name) => !recorded.includes(name))) {
    throw new Error(
      `An older version wrote the database. Run \`gatehouse migrate --database ${describeDatabase(from)}\` first.`,
    );
  }
  return owners.filter(({ migrations }) => migrations.length > 0);
}

async function requireEmpty(target: Database, { databaseUrl }: DatabaseSettings): Promise<void> {
  if ((await readRecorded(target.readOnce)).includes(UNFINISHED_COPY_NAME)) return;
  const [table] = await listTables(target.readOnce);
  if (table === undefined) return;
  throw new Error(
    `The database ${describeDatabase(databaseUrl)} is not empty: it has the table ${table}. Name an empty database, or an empty schema in DATABASE_SCHEMA.`,
  );
}

function reasonOf(error: unknown): string {
  const cause = error instanceof ServiceUnavailable ? (error.cause ?? error) : error;
  const { message } = cause as Error;
  return message.trim().replaceAll(/\s+/g, " ").replace(/\.$/, "");
}
