import type { Options } from "@mikro-orm/core";
import type { AbstractSqlDriver } from "@mikro-orm/sqlite";
import type { Pool } from "tarn";
import type { AuthConfig } from "../config/auth-config.js";
import type { RunStatement } from "../sql.js";

/** The settings of the database. `createDatabase` is true by default. */
export type DatabaseSettings = Pick<AuthConfig, "databaseUrl"> &
  Partial<Pick<AuthConfig, "createDatabase" | "databaseSchema" | "databasePoolSize">>;

/** How long a statement may take, including waits for a connection and for locks, in milliseconds. */
export const READ_TIMEOUT = 2000;
export const WRITE_TIMEOUT = 5000;

export type Run = RunStatement;

export type Transact = <Result>(use: (run: Run) => Promise<Result>) => Promise<Result>;

/**
 * The numbers of a pool's connections: in use, free, and allowed at most. `waiting` counts the callers that wait for a
 * connection.
 */
export type Connections = Readonly<Record<"used" | "idle" | "max" | "waiting", number>>;

/** Runs SQL statements without the ORM. {@link TransactionalSql} describes the methods. */
export interface Engine {
  readonly skipLocked: string;
  readonly forUpdate: string;
  readonly read: Run;
  readonly readOnce: Run;
  readonly write: Run;
  readonly writeExclusive: Run;
  readonly inTransaction: Transact;
  readonly inSharedTransaction: Transact;
  /**
   * The same as {@link Engine.inTransaction}, but without a time limit, for migrations and copies of large tables.
   * First creates the table of applied migrations, if that table does not exist.
   */
  readonly inLongTransaction: Transact;
  /** Returns the time of the database's server, in epoch milliseconds. Undefined if the database has no server. */
  readonly readTime?: () => Promise<number>;
  countConnections(): Connections;
  close(): Promise<void>;
}

export interface Dialect {
  readonly engine: Engine;
  /** The statement that shows whether the database can be used. */
  readonly probe: string;
  /** Returns one line that says why the database cannot be opened. The line contains no password. */
  readonly describeFault: (error: unknown) => string;
  /** Loads the ORM's driver. Returns how the ORM connects to the database. */
  readonly loadOrmOptions: () => Promise<Options<AbstractSqlDriver>>;
}

export function countConnections<Connection>(pool: Pool<Connection>, max: number): Connections {
  return {
    used: pool.numUsed(),
    idle: pool.numFree(),
    max,
    waiting: pool.numPendingAcquires(),
  };
}

/**
 * Waits for a connection. Then calls `use` with the connection, and with the milliseconds that are left of `timeout`.
 */
export async function withConnection<Connection, Result>(
  pool: Pool<Connection>,
  timeout: number,
  use: (connection: Connection, left: number) => Promise<Result>,
): Promise<Result> {
  const start = performance.now();
  const connection = await pool.acquire().promise;
  try {
    return await use(connection, timeout - (performance.now() - start));
  } finally {
    pool.release(connection);
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
