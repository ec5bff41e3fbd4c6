import type { ReadOnlyDatabase } from "../../database/read-only.js";

/** Checks the tables of a Django project. The message of each error is one line that says what to do. */
export class TableChecks {
  readonly #database: ReadOnlyDatabase;

  constructor(database: ReadOnlyDatabase) {
    this.#database = database;
  }

  /**
   * Returns the columns of a table, which must have the required ones.
   * @param options the options of the command that the error tells the reader to check
   * @param typical the name of a column. If the table does not exist, the error lists the tables with this column
   */
  async requireTable(
    table: string,
    required: readonly string[],
    options: string,
    typical: string,
  ): Promise<string[]> {
    const columns = await this.columnsOf(table);
    if (columns.length === 0) {
      const similar = await this.#names(this.#database.tablesWith, typical);
      const others =
        similar.length === 0 ? "" : ` Tables with a column ${typical}: ${similar.join(", ")}.`;
      throw new Error(`The database has no table ${table}. Check ${options}.${others}`);
    }
    const [first, ...more] = required.filter((name) => !columns.includes(name));
    if (first === undefined) return columns;
    const names = more.length === 0 ? `column ${first}` : `columns ${[first, ...more].join(", ")}`;
    throw new Error(
      `The table ${table} has no ${names}. Check ${options}, or name a view that has them.`,
    );
  }

  /**
   * Requires that the database finds a row by an id in the form of text, because the import passes all ids as text.
   * SQLite does not find the row if the column has no type, as in some views.
   */
  async requireType(table: string, column: string): Promise<void> {
    const from = `FROM ${this.#database.quote(table)} WHERE ${column}`;
    const [row] = await this.#database.query(
      `SELECT ${column} AS value ${from} IS NOT NULL LIMIT 1`,
    );
    const value = row?.["value"];
    if (value == null) return;
    const equal = await this.#database.query(`SELECT 1 AS found ${from} = ? LIMIT 1`, [value]);
    if (equal.length > 0) return;
    throw new Error(
      `The column ${column} of ${table} has no type. Name a view that has CAST(${column} AS INTEGER) AS ${column}.`,
    );
  }

  columnsOf(table: string): Promise<string[]> {
    return this.#names(this.#database.columnsOf, table);
  }

  async #names(statement: string, parameter: string): Promise<string[]> {
    const rows = await this.#database.query(statement, [parameter]);
    return rows.flatMap(({ name }) => name ?? []);
  }
}
