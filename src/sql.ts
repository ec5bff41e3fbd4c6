/** A value that binds to a statement's `?` in the same way on every database. Instants are epoch milliseconds. */
export type SqlValue = string | number | boolean | null;

/** One step towards the current tables, the same on every database. It never changes once it has been released. */
export interface Migration {
  /** Unique among those of the core or of one feature, such as `2026-11-26-notes`. */
  readonly name: string;
  readonly statements: readonly string[];
}

/**
 * Runs single SQL statements. Each is atomic.
 *
 * A statement is constant text with a `?` for each parameter, so that it can stay prepared and no value becomes SQL.
 * A statement that writes ends in `RETURNING`; the rows it returns are the rows it changed.
 * @throws {@link ServiceUnavailable} when the database cannot be reached
 */
export interface Sql {
  /** Runs a statement that only reads. It stays prepared. */
  read<Row>(statement: string, parameters: readonly SqlValue[]): Promise<Row[]>;
  /** Runs a statement that only reads and does not stay prepared, because its text varies too much. */
  readOnce<Row>(statement: string, parameters: readonly SqlValue[]): Promise<Row[]>;
  /** Runs a statement that writes. It stays prepared. */
  write<Row>(statement: string, parameters: readonly SqlValue[]): Promise<Row[]>;
  /**
   * Runs a statement that writes while no other such statement runs, in any process. For a statement whose condition
   * reads rows that another such statement changes.
   */
  writeExclusive<Row>(statement: string, parameters: readonly SqlValue[]): Promise<Row[]>;
}
