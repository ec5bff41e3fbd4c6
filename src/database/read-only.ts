/** A row whose values are text, because SQLite and PostgreSQL have different types. */
export type TextRow = Readonly<Record<string, string | null>>;

/** A database of another application. Gatehouse only reads it. */
export interface ReadOnlyDatabase {
  /** Runs a statement. Each `?` in it stands for one parameter. */
  query(statement: string, parameters?: readonly string[]): Promise<TextRow[]>;
  /** Quotes the name of a table or column. */
  quote(this: void, name: string): string;
  /** The statement that finds the names of a table's columns. Its parameter is the name of the table. */
  readonly columnsOf: string;
  /** The statement that finds the tables that have a certain column. Its parameter is the name of the column. */
  readonly tablesWith: string;
  close(): Promise<void>;
}
