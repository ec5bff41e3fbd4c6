/** A row. Each value is text or null, because the types of values differ between databases. */
export type TextRow = Readonly<Record<string, string | null>>;

/** A database that Gatehouse only reads. It may belong to another application. */
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
