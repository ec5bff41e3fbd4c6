/** A value for a `?` in a statement. It means the same on every database. Instants are epoch milliseconds. */
export type SqlValue = string | number | boolean | null;

/** A change of the tables, the same on every database. A released migration never changes. */
export interface Migration {
  /** The name, such as `2026-11-26-notes`. It is unique among the migrations of the same feature, or of the core. */
  readonly name: string;
  readonly statements: readonly string[];
}

/**
 * Runs SQL statements. Each call runs one statement, which is atomic.
 *
 * In the text of a statement, write a `?` for each parameter and never the value itself, so that SQL injection is
 * impossible. A statement that writes ends in `RETURNING`; the rows it returns are the rows it changed. Behind a
 * connection pooler, no statement stays prepared.
 * @throws {@link ServiceUnavailable} when the database cannot be reached, takes too long, or fails for another reason
 * than the statement
 * @throws TypeError when a feature passes a wrong number of parameters, or a parameter that is not a {@link SqlValue}
 * @throws TypeError when a feature calls {@link Sql.read} or {@link Sql.readOnce} with a statement that writes
 */
export interface Sql {
  /** Runs a statement that only reads. It stays prepared. */
  read<Row>(statement: string, parameters: readonly SqlValue[]): Promise<Row[]>;
  /** Runs a statement that only reads. It does not stay prepared, because its text varies too much. */
  readOnce<Row>(statement: string, parameters: readonly SqlValue[]): Promise<Row[]>;
  /** Runs a statement that writes. It stays prepared. */
  write<Row>(statement: string, parameters: readonly SqlValue[]): Promise<Row[]>;
  /**
   * Runs a statement that writes. Meanwhile no other exclusive statement and no transaction runs, in any process. Use
   * it if the statement's condition reads rows that another exclusive statement may change.
   */
  writeExclusive<Row>(statement: string, parameters: readonly SqlValue[]): Promise<Row[]>;
}

/** Runs one statement of a transaction. */
export type RunStatement = <Row>(
  statement: string,
  parameters: readonly SqlValue[],
) => Promise<Row[]>;

/** {@link Sql} with transactions. */
export interface TransactionalSql extends Sql {
  /**
   * Runs `use`. The statements of `use` take effect together, or not at all if `use` rejects. No other transaction and
   * no {@link Sql.writeExclusive} runs meanwhile, in any process.
   */
  inTransaction<Result>(use: (run: RunStatement) => Promise<Result>): Promise<Result>;
}

/** Matches a statement that begins with a keyword for writing. */
const WRITING =
  /^\s*(insert|update|delete|replace|merge|create|alter|drop|truncate|grant|revoke)\b/i;

/**
 * Returns the {@link Sql} for features. It refuses mistakes that some databases do not notice: a wrong number of
 * parameters, a parameter that is not a {@link SqlValue}, and a write in a statement that should only read. The core's
 * own statements are not checked: tests cover all of them, and checks would slow down every request.
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
