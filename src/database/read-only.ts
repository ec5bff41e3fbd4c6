/** A row as text. Text means the same in every database; their own types differ. */
export type TextRow = Readonly<Record<string, string | null>>;

/** A database of another application. Gatehouse only reads it. */
export interface ReadOnlyDatabase {
  /** Runs a statement with `?` for its parameters. */
  query(statement: string, parameters?: readonly string[]): Promise<TextRow[]>;
  /** Quotes the name of a table or column. */
  quote(this: void, name: string): string;
  /** Finds the names of a table's columns. The statement has the name of the table as its parameter. */
  readonly columnsOf: string;
  /** Finds the names of the tables with a column. The statement has the name of the column as its parameter. */
  readonly tablesWith: string;
  close(): Promise<void>;
}
