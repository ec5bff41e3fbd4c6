import type { Options } from "@mikro-orm/core";
import type { AbstractSqlDriver } from "@mikro-orm/sqlite";
import type { SqlValue } from "../sql.js";

/** How long a statement waits for a lock or runs, in milliseconds. */
export const STATEMENT_TIMEOUT = 5000;

const silently = () => undefined;

/** Of knex, which would wait a minute for a connection, and writes to the console what it also throws. */
export const POOL_OPTIONS = {
  acquireConnectionTimeout: STATEMENT_TIMEOUT,
  log: { debug: silently, warn: silently, error: silently, deprecate: silently },
};

/** Runs the single statements of requests, past the ORM. */
export type Run = <Row>(statement: string, parameters: readonly SqlValue[]) => Promise<Row[]>;

/** `read` and `write` prepare a statement once for each connection, and keep it. */
export interface Engine {
  readonly read: Run;
  readonly readOnce: Run;
  readonly write: Run;
  readonly writeInTurn: Run;
  close(): Promise<void>;
}

/** What a kind of database brings: how the ORM opens it, and what runs statements past the ORM. */
export interface Dialect {
  readonly options: Options<AbstractSqlDriver>;
  readonly connect: (pool: Pool) => Engine;
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
