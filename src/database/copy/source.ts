import type { RunStatement } from "../../sql.js";
import { quote } from "../postgresql-server.js";
import type { Value } from "./digest.js";

/** How many rows are in memory at a time. */
const PAGE = 2000;

/** Some rows, in the order of their `rowid`. */
export interface Page {
  readonly rows: readonly (readonly Value[])[];
  /** The `rowid` of the last row. */
  readonly lastRow: number;
}

/** Reads tables of SQLite. */
export class CopySource {
  readonly #run: RunStatement;

  /** @param run runs a statement in a transaction, so that all statements see the same rows */
  constructor(run: RunStatement) {
    this.#run = run;
  }

  async tables(): Promise<string[]> {
    const rows = await this.#run<{ name: string }>(
      "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite@_%' ESCAPE '@' ORDER BY name",
      [],
    );
    return rows.map(({ name }) => name);
  }

  async columnsOf(table: string): Promise<string[]> {
    const statement = "SELECT name FROM pragma_table_info(?)";
    return (await this.#run<{ name: string }>(statement, [table])).map(({ name }) => name);
  }

  async count(table: string): Promise<number> {
    const [row] = await this.#run<{ total: number }>(
      `SELECT COUNT(*) AS total FROM ${quote(table)}`,
      [],
    );
    return row?.total ?? 0;
  }

  /** Yields the rows whose `rowid` is greater than `after` and at most `until`, in pages. Null means no bound. */
  async *pages(
    table: string,
    columns: readonly string[],
    after: number | null,
    until: number | null = null,
  ): AsyncGenerator<Page> {
    const statement = `SELECT rowid AS "0", ${columns.map(select).join(", ")} FROM ${quote(table)}
      WHERE rowid > ? AND rowid <= ? ORDER BY rowid LIMIT ${PAGE}`;
    let last = after ?? -Number.MAX_SAFE_INTEGER;
    for (;;) {
      const found = await this.#run<Record<number, string | number | null>>(statement, [
        last,
        until ?? Number.MAX_SAFE_INTEGER,
      ]);
      if (found.length === 0) return;
      last = Number(found.at(-1)?.[0]);
      const rows = found.map((row) => columns.map((_, index) => toText(row[index + 1])));
      yield { rows, lastRow: last };
      if (found.length < PAGE) return;
    }
  }
}

/**
 * Returns the SQL that selects a column. Integers become text, because the driver would round integers beyond 2^53.
 * Bytes become hex, as in PostgreSQL.
 */
function select(column: string, index: number): string {
  const name = quote(column);
  return `CASE typeof(${name}) WHEN 'integer' THEN CAST(${name} AS TEXT)
    WHEN 'blob' THEN '\\x' || lower(hex(${name})) ELSE ${name} END AS "${index + 1}"`;
}

function toText(value: string | number | null | undefined): Value {
  return value == null ? null : String(value);
}
