/** A value for a `?` in a statement. It means the same on every database. Instants are epoch milliseconds. */
export type SqlValue = string | number | boolean | null;

/** A change of the tables. A released migration never changes. */
export interface Migration {
  /** Such as `2026-11-26-notes`. Unique among the migrations of the same feature, or of the core. */
  readonly name: string;
  readonly statements: readonly string[];
}

/**
 * Runs SQL statements. Each call runs one statement, which is atomic.
 *
 * Write a `?` for each parameter, never the value itself. This prevents SQL injection. A statement that writes ends in
 * `RETURNING`. Its result has one row for each changed row.
 * @throws {@link ServiceUnavailable} when the database cannot be reached or takes too long
 * @throws TypeError when a feature passes a wrong number of parameters, or a parameter that is not a {@link SqlValue}
 * @throws TypeError when a feature calls {@link Sql.read} or {@link Sql.readOnce} with a statement that writes
 */
export interface Sql {
  /** Runs a statement that only reads, and keeps it prepared. */
  read<Row>(statement: string, parameters: readonly SqlValue[]): Promise<Row[]>;
  /**
   * Runs a statement that only reads, and does not keep it prepared. Use this method if the statement's text varies.
   */
  readOnce<Row>(statement: string, parameters: readonly SqlValue[]): Promise<Row[]>;
  /** Runs a statement that writes, and keeps it prepared. */
  write<Row>(statement: string, parameters: readonly SqlValue[]): Promise<Row[]>;
  /**
   * Runs a statement that writes. Only one exclusive statement or transaction runs at a time, even across processes.
   * Use this method for a condition that two writes at the same time could break, such as `NOT EXISTS (…)`.
   */
  writeExclusive<Row>(statement: string, parameters: readonly SqlValue[]): Promise<Row[]>;
}

export type RunStatement = <Row>(
  statement: string,
  parameters: readonly SqlValue[],
) => Promise<Row[]>;

export interface TransactionalSql extends Sql {
  /**
   * Runs `use` in a transaction. If `use` rejects, nothing is changed. Transactions and exclusive statements run one at
   * a time, even across processes.
   */
  inTransaction<Result>(use: (run: RunStatement) => Promise<Result>): Promise<Result>;
}

/** Matches a statement that writes. */
const WRITING =
  /^\s*(insert|update|delete|replace|merge|create|alter|drop|truncate|grant|revoke)\b/i;

/**
 * Returns the {@link Sql} for features, which refuses mistakes that some databases do not notice. The core's own
 * statements are not checked, because checks would slow down every request.
 */
export function withChecks(sql: Sql): Sql {
  return {
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
