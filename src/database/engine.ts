import type { Options } from "@mikro-orm/core";
import type { AbstractSqlDriver } from "@mikro-orm/sqlite";
import type { AuthConfig } from "../config/auth-config.js";
import type { RunStatement } from "../sql.js";

/** The settings that say which database is opened, and how. By default, a SQLite file is created if it is missing. */
export type DatabaseSettings = Pick<AuthConfig, "databaseUrl"> &
  Partial<Pick<AuthConfig, "createDatabase" | "databaseSchema" | "databasePoolSize">>;

/** How long a statement may run or wait for a lock, in milliseconds. */
export const STATEMENT_TIMEOUT = 5000;

const silently = () => undefined;

/**
 * Options for knex. Without these options, knex would wait a minute for a connection, and would print each error to the
 * console before it throws the error.
 */
export const POOL_OPTIONS = {
  acquireConnectionTimeout: STATEMENT_TIMEOUT,
  log: { debug: silently, warn: silently, error: silently, deprecate: silently },
};

/** Runs one statement without the ORM and returns its rows. */
export type Run = RunStatement;

/**
 * Runs SQL statements without the ORM, singly or in a transaction. {@link TransactionalSql} describes the methods,
 * except `close`.
 */
export interface Engine {
  readonly read: Run;
  readonly readOnce: Run;
  readonly write: Run;
  readonly writeExclusive: Run;
  inTransaction<Result>(use: (run: Run) => Promise<Result>): Promise<Result>;
  close(): Promise<void>;
}

/** A kind of database: how the ORM opens it, and how statements run on it without the ORM. */
export interface Dialect {
  readonly options: Options<AbstractSqlDriver>;
  readonly connect: (pool: Pool) => Engine;
  /** The statement that creates the table of migrations if it does not exist. */
  readonly createMigrationTable: string;
  /** Says in one line, without a password, why the database cannot be opened. */
  readonly describeFault: (error: unknown) => string;
  /** Closes the connections that the dialect itself has opened. Called if the ORM cannot be started. */
  close(): Promise<void>;
}

/** The part of knex that hands out connections. */
export interface Pool<Connection = unknown> {
  acquireConnection(): Promise<Connection>;
  releaseConnection(connection: Connection): Promise<void>;
}

/** Runs `use` with a connection of the pool, and returns the connection to the pool afterwards. */
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
 * Runs `use` in a transaction of one connection.
 * @param begin the statements that open the transaction and take its lock
 * @param run runs a statement on that connection
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
    // `ROLLBACK` fails if no transaction was opened, or if the connection is lost. Then the database rolls back itself.
    await run("ROLLBACK", []).catch(() => undefined);
    throw error;
  }
}
