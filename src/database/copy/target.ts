import type { RunStatement } from "../../sql.js";
import { quote } from "../postgresql-server.js";
import { insertRows } from "../rows.js";
import { Digest, type Value } from "./digest.js";
import type { Page } from "./source.js";

/** How many rows of a table one statement reads. */
const PAGE = 5000;

/** The types whose values have the same text in SQLite and PostgreSQL. */
const SAME_TEXT = ["text", "character varying", "smallint", "integer", "bigint", "json", "bytea"];

const SCHEMA = "(SELECT oid FROM pg_namespace WHERE nspname = current_schema())";

export interface Column {
  readonly name: string;
  readonly type: string;
}

/** The part of a table that has been copied. */
export interface Copied {
  /** The `rowid` of the last copied row, or null if there is none. */
  readonly lastRow: number | null;
  readonly digest: Digest;
}

/** Returns the tables of the schema in use. Omits the two tables that record migrations and what was copied. */
export async function listTables(run: RunStatement): Promise<string[]> {
  const rows = await run<{ name: string }>(
    `SELECT relname AS name FROM pg_class WHERE relnamespace = ${SCHEMA} AND relkind IN ('r', 'p')
     AND relname NOT IN ('mikro_orm_migrations', 'database_copy') ORDER BY relname`,
    [],
  );
  return rows.map(({ name }) => name);
}

/** Sorts tables so that each table comes after the tables that its foreign keys refer to. */
export async function sortByReferences(
  run: RunStatement,
  tables: readonly string[],
): Promise<string[]> {
  const references = await run<{ from: string; to: string }>(
    `SELECT own.relname AS "from", other.relname AS "to" FROM pg_constraint k
     JOIN pg_class own ON own.oid = k.conrelid JOIN pg_class other ON other.oid = k.confrelid
     WHERE k.contype = 'f' AND own.relnamespace = ${SCHEMA} ORDER BY 1, 2`,
    [],
  );
  const sorted = new Set<string>();
  const add = (table: string, path: readonly string[]) => {
    if (path.includes(table)) return;
    for (const { from, to } of references) if (from === table) add(to, [...path, table]);
    sorted.add(table);
  };
  for (const table of tables) add(table, []);
  return [...sorted];
}

/** Returns the columns that an `INSERT` can set. */
export async function listColumns(run: RunStatement, table: string): Promise<Column[]> {
  return run<Column>(
    `SELECT column_name AS name, data_type AS type FROM information_schema.columns
     WHERE table_schema = current_schema() AND table_name = ? AND is_generated = 'NEVER'
     ORDER BY ordinal_position`,
    [table],
  );
}

export async function countRows(run: RunStatement, table: string): Promise<number> {
  const statement = `SELECT count(*) AS total FROM ${quote(table)}`;
  return (await run<{ total: number }>(statement, []))[0]?.total ?? 0;
}

/** Returns the part of each table that has been copied. */
export async function readCopied(run: RunStatement): Promise<Map<string, Copied>> {
  const rows = await run<{ table: string; lastRow: number; rows: number; digest: string }>(
    `SELECT table_name AS "table", last_row AS "lastRow", row_count AS "rows", digest FROM database_copy`,
    [],
  );
  return new Map(
    rows.map(({ table, lastRow, rows: count, digest }) => [
      table,
      { lastRow, digest: new Digest(count, digest) },
    ]),
  );
}

/**
 * Inserts rows, and records that they have been copied.
 * @param digest the digest of all copied rows, including these
 */
export async function insertPage(
  run: RunStatement,
  table: string,
  columns: readonly Column[],
  { rows, lastRow }: Page,
  digest: Digest,
): Promise<void> {
  // SQLite's timestamps have no time zone and are in UTC, so PostgreSQL must read them as UTC.
  await run("SET LOCAL TIME ZONE 'UTC'", []);
  await insertRows(run, { table, columns: columns.map(({ name }) => quote(name)), rows });
  await insertRows(run, {
    table: "database_copy",
    columns: ["table_name", "last_row", "row_count", "digest"],
    rows: [[table, lastRow, digest.rows, digest.text]],
    onConflict: `ON CONFLICT (table_name) DO UPDATE SET last_row = excluded.last_row,
      row_count = excluded.row_count, digest = excluded.digest`,
  });
}

/** Empties tables, and deletes the records of what was copied to them. */
export async function emptyTables(run: RunStatement, tables: readonly string[]): Promise<void> {
  await run(`TRUNCATE ${tables.map(quote).join(", ")}`, []);
  const places = tables.map(() => "?").join(", ");
  await run(`DELETE FROM database_copy WHERE table_name IN (${places}) RETURNING 1`, tables);
}

/**
 * Computes the digest of a table, over the columns that {@link comparable} keeps.
 * @param run runs a statement of the caller's transaction
 * @param onRows called after each {@link PAGE}, with its number of rows
 */
export async function digestTable(
  run: RunStatement,
  table: string,
  columns: readonly Column[],
  onRows: (count: number) => void,
): Promise<Digest> {
  const selected = columns.map(({ name, type }, index) => {
    const value = type === "boolean" ? `${quote(name)}::integer` : quote(name);
    return `${value}::text AS "${index}"`;
  });
  await run(`DECLARE copied CURSOR FOR SELECT ${selected.join(", ")} FROM ${quote(table)}`, []);
  const digest = new Digest();
  for (;;) {
    const rows = await run<Record<number, Value>>(`FETCH ${PAGE} FROM copied`, []);
    if (rows.length === 0) break;
    for (const row of rows) {
      digest.add(
        comparable(
          columns.map((_, index) => row[index] ?? null),
          columns,
        ),
      );
    }
    onRows(rows.length);
  }
  await run("CLOSE copied", []);
  return digest;
}

/**
 * Returns the values of a row that can be compared. Leaves out types such as `timestamp`, whose text differs between
 * the databases. Gatehouse's own tables have no such columns.
 */
export function comparable(row: readonly Value[], columns: readonly Column[]): Value[] {
  return row.filter((_, index) => {
    const type = columns[index]?.type ?? "";
    return type === "boolean" || SAME_TEXT.includes(type);
  });
}
