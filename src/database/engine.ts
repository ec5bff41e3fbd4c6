import type { Options } from "@mikro-orm/core";
import type { AbstractSqlDriver } from "@mikro-orm/sqlite";
import type { AuthConfig } from "../config/auth-config.js";
import type { RunStatement } from "../sql.js";

/** The settings of the database. `createDatabase` is true by default. */
export type DatabaseSettings = Pick<AuthConfig, "databaseUrl"> &
  Partial<Pick<AuthConfig, "createDatabase" | "databaseSchema" | "databasePoolSize">>;

/** How long a statement may run or wait for a lock, in milliseconds. */
export const STATEMENT_TIMEOUT = 5000;

const silently = () => undefined;

/** Options for knex. By default, knex waits a minute for a connection, and prints each error to the console. */
export const POOL_OPTIONS = {
  acquireConnectionTimeout: STATEMENT_TIMEOUT,
  log: { debug: silently, warn: silently, error: silently, deprecate: silently },
};

export type Run = RunStatement;

/** Runs SQL statements without the ORM. {@link TransactionalSql} describes the methods. */
export interface Engine {
  readonly read: Run;
  readonly readOnce: Run;
  readonly write: Run;
  readonly writeExclusive: Run;
  inTransaction<Result>(use: (run: Run) => Promise<Result>): Promise<Result>;
  close(): Promise<void>;
}

export interface Dialect {
  readonly options: Options<AbstractSqlDriver>;
  readonly connect: (pool: Pool) => Engine;
  /** The statement that creates the table of applied migrations, if that table does not exist. */
  readonly createMigrationTable: string;
  /** Says why the database cannot be opened: in one line, without a password. */
  readonly describeFault: (error: unknown) => string;
  /** Closes the dialect's own connections. Called if the ORM cannot start. */
  close(): Promise<void>;
}

/** The part of knex that hands out connections. */
export interface Pool<Connection = unknown> {
  acquireConnection(): Promise<Connection>;
  releaseConnection(connection: Connection): Promise<void>;
}

export async function withConnection<Connection, Result>(
  pool: Pool<Connection>,
  use: (connection: Connection) => Promise<Result>,
): Promise<Result> {
  const connection = await pool.acquireConnection();
  try {
    return await use(connection);
  } finally {
    await pool.releaseConnection(connection);
  }
}

/**
 * Runs `use` in a transaction.
 * @param begin the statements that open the transaction
 * @param run runs each statement on the same connection
 */
export async function withTransaction<Result>(
  begin: readonly string[],
  run: Run,
  use: (run: Run) => Promise<Result>,
): Promise<Result> {
  try {
    for (const statement of begin) await run(statement, []);
    const result = await use(run);
    await run("COMMIT", []);
    return result;
  } catch (error) {
    // If the connection is lost, `ROLLBACK` fails. The database rolls back anyway.
    await run("ROLLBACK", []).catch(() => undefined);
    throw error;
  }
}
