/** A value for a `?` in a statement. Instants are epoch milliseconds. */
export type SqlValue = string | number | boolean | null;

/**
 * A change to the tables. Never edit a migration that was released.
 *
 * During an upgrade, servers of the previous version use the new tables. So add only tables, indexes, and columns that
 * may be null or have a default. Remove a column only when the previous version no longer uses it.
 */
export interface Migration {
  /** A name such as `2026-11-26-notes`. Unique in the feature, or in the core. */
  readonly name: string;
  readonly statements: readonly string[];
}

/**
 * Runs SQL statements. Each call runs one statement, which is atomic.
 *
 * Write a `?` for each parameter, never its value, to prevent SQL injection. A statement that writes must end with
 * a `RETURNING` clause. Its result has one row for each changed row.
 * @throws {@link ServiceUnavailable} when the database cannot be reached or takes too long
 * @throws TypeError when a feature passes a wrong number of parameters, or a parameter that is not a {@link SqlValue}
 * @throws TypeError when a feature calls {@link Sql.read} or {@link Sql.readOnce} with a statement that writes
 */
export interface Sql {
  /**
   * SQL text to put at the end of a `SELECT` inside a statement that writes. The statement then locks the selected
   * rows, and leaves out rows that another statement has locked. Empty for SQLite, which runs one writing statement at
   * a time.
   */
  readonly skipLocked: string;
  /**
   * SQL text to put at the end of a `SELECT … ORDER BY id` inside a statement that writes. The statement then locks the
   * selected rows in this order. Use it wherever a statement may lock several rows. Otherwise, two statements that lock
   * the same rows in different orders could wait for each other. Empty for SQLite, which runs one writing statement at
   * a time.
   */
  readonly forUpdate: string;
  /**
   * Runs a statement that only reads, and normally keeps it prepared for the next call. In the rows, integers of all
   * sizes are numbers. A boolean is `true` or `false` on PostgreSQL, and 1 or 0 on SQLite.
   */
  read<Row>(statement: string, parameters: readonly SqlValue[]): Promise<Row[]>;
  /** Runs a statement that only reads, and does not keep it prepared. Use this for a statement whose text varies. */
  readOnce<Row>(statement: string, parameters: readonly SqlValue[]): Promise<Row[]>;
  /** Runs a statement that writes, and normally keeps it prepared for the next call. */
  write<Row>(statement: string, parameters: readonly SqlValue[]): Promise<Row[]>;
  /**
   * Runs a statement that writes. Exclusive statements run one at a time, even across processes. Use this for a
   * condition that concurrent writes could break, such as `NOT EXISTS (…)`.
   */
  writeExclusive<Row>(statement: string, parameters: readonly SqlValue[]): Promise<Row[]>;
}

export type RunStatement = <Row>(
  statement: string,
  parameters: readonly SqlValue[],
) => Promise<Row[]>;

/**
 * Returns a function that runs each statement without a transaction. Pass it to code that can also run in a
 * transaction.
 */
export function withoutTransaction(sql: Sql): RunStatement {
  return (statement, parameters) => sql.write(statement, parameters);
}

export interface TransactionalSql extends Sql {
  /**
   * Runs `use` in a transaction. If `use` rejects, the transaction is rolled back. Exclusive statements and these
   * transactions run one at a time, even across processes.
   */
  inTransaction<Result>(use: (run: RunStatement) => Promise<Result>): Promise<Result>;
  /**
   * Does the same as {@link TransactionalSql.inTransaction}, but several shared transactions may run at the same time.
   * Their statements normally stay prepared.
   */
  inSharedTransaction<Result>(use: (run: RunStatement) => Promise<Result>): Promise<Result>;
}

/**
 * The allowed numbers of rows in a batch, so that only four different statements are prepared. A smaller batch is
 * padded: 3 rows become 4 by repeating one.
 */
export const BATCH_SIZES: readonly number[] = [1, 4, 16, 64];
export const MAX_BATCH_SIZE = 64;

/** Repeats items until their number is a batch size. @param items at most {@link MAX_BATCH_SIZE} */
export function padToBatch<Item>(items: readonly Item[]): Item[] {
  const size = BATCH_SIZES.find((batchSize) => batchSize >= items.length) ?? items.length;
  return [...items, ...items, ...items, ...items].slice(0, size);
}

/** `exclusive` means a statement of {@link Sql.writeExclusive}. `transaction` means a whole transaction. */
export type StatementKind = "read" | "write" | "exclusive" | "transaction";

/**
 * Called after each statement outside a transaction, and once after each whole transaction.
 * @param isUnavailable whether the statement failed because the database cannot be reached or takes too long
 * @param statement the statement without its parameters; null for a transaction
 */
export type StatementObserver = (
  kind: StatementKind,
  seconds: number,
  isUnavailable: boolean,
  statement: string | null,
) => void;

const WRITING =
  /^\s*(insert|update|delete|replace|merge|create|alter|drop|truncate|grant|revoke)\b/i;

/**
 * Returns the {@link Sql} for features, which refuses mistakes that some databases do not notice. The core uses an
 * {@link Sql} without these checks, because they slow down each request.
 */
export function withChecks(sql: Sql): Sql {
  return {
    skipLocked: sql.skipLocked,
    forUpdate: sql.forUpdate,
    read: async (statement, parameters) => {
      checkReading(statement, parameters);
      return sql.read(statement, parameters);
    },
    readOnce: async (statement, parameters) => {
      checkReading(statement, parameters);
      return sql.readOnce(statement, parameters);
    },
    write: async (statement, parameters) => {
      checkParameters(statement, parameters);
      return sql.write(statement, parameters);
    },
    writeExclusive: async (statement, parameters) => {
      checkParameters(statement, parameters);
      return sql.writeExclusive(statement, parameters);
    },
  };
}

function checkReading(statement: string, parameters: readonly SqlValue[]): void {
  if (WRITING.test(statement)) {
    throw new TypeError("sql.read and sql.readOnce run statements that only read. Use sql.write.");
  }
  checkParameters(statement, parameters);
}

function checkParameters(statement: string, parameters: readonly unknown[]): void {
  const places = statement.split("?").length - 1;
  if (places !== parameters.length) {
    throw new TypeError(
      `The statement has ${places} parameters, but got ${parameters.length}: ${statement}`,
    );
  }
  for (const [index, value] of parameters.entries()) {
    if (value === null || ["string", "number", "boolean"].includes(typeof value)) continue;
    throw new TypeError(
      `Parameter ${index + 1} must be a string, a number, a boolean or null: ${statement}`,
    );
  }
}
