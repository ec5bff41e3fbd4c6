import type { RunStatement, SqlValue } from "../sql.js";

/** How many rows one statement may have. More rows could need more parameters than the 32,766 that SQLite allows. */
const ROWS = 500;

/** The columns of a table, and the values of each row in that order. */
export interface Rows {
  readonly table: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly SqlValue[])[];
  /** The SQL after the rows, such as `ON CONFLICT (id) DO NOTHING`. */
  readonly onConflict?: string;
}

/** @returns how many rows were inserted or updated */
export async function insertRows(
  run: RunStatement,
  { table, columns, rows, onConflict = "" }: Rows,
): Promise<number> {
  let count = 0;
  for (const part of partsOf(rows)) {
    const places = part.map((row) => placesOf(row.length)).join(", ");
    const inserted = await run(
      `INSERT INTO "${table}" (${columns.join(", ")}) VALUES ${places} ${onConflict} RETURNING 1`,
      part.flat(),
    );
    count += inserted.length;
  }
  return count;
}

/**
 * Runs a statement that begins with `WITH given (id, value) AS (VALUES …)`.
 * @param statement the rest of the statement, such as `UPDATE t SET c = given.value FROM given WHERE t.id = given.id`
 */
export async function runWithPairs(
  run: RunStatement,
  pairs: readonly (readonly [id: string, value: string | number])[],
  statement: string,
): Promise<void> {
  for (const part of partsOf(pairs)) {
    const values = part.map(() => "(?, ?)").join(", ");
    await run(`WITH given (id, value) AS (VALUES ${values}) ${statement} RETURNING 1`, part.flat());
  }
}

/**
 * Selects rows whose column has one of the values.
 * @param statement the statement without the list of values, such as `SELECT id FROM t WHERE id IN`
 */
export async function selectIn<Row>(
  run: RunStatement,
  statement: string,
  values: readonly string[],
): Promise<Row[]> {
  const found: Row[] = [];
  for (const part of partsOf(values, 1000)) {
    found.push(...(await run<Row>(`${statement} ${placesOf(part.length)}`, part)));
  }
  return found;
}

function placesOf(length: number): string {
  return `(${Array.from({ length }, () => "?").join(", ")})`;
}

/** Yields the items in parts. @param size how many items a part has at most */
export function* partsOf<Item>(items: readonly Item[], size = ROWS): Generator<Item[]> {
  for (let start = 0; start < items.length; start += size) yield items.slice(start, start + size);
}
