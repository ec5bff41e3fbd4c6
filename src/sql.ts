/** A value that binds to a statement's `?` the same way on every database. Instants are epoch milliseconds. */
export type SqlValue = string | number | boolean | null;

/**
 * What the services need of a database: single statements, each atomic by itself.
 * Parameters are bound, never written into the text. A statement that writes says `RETURNING`, so that the rows
 * it gives tell what it changed.
 * @throws {@link ServiceUnavailable} when the database cannot be reached.
 */
export interface Sql {
  /** Runs a statement that only reads. */
  read<Row>(statement: string, parameters: readonly SqlValue[]): Promise<Row[]>;
  /** The same for a statement that has many shapes, too many to keep each of them prepared. */
  readOnce<Row>(statement: string, parameters: readonly SqlValue[]): Promise<Row[]>;
  /** Runs a statement that writes, and gives the rows it returns. */
  write<Row>(statement: string, parameters: readonly SqlValue[]): Promise<Row[]>;
  /** The same for a statement that must not run beside another of its kind, in any process: what it reads, another writes. */
  writeInTurn<Row>(statement: string, parameters: readonly SqlValue[]): Promise<Row[]>;
}
