import { createHash } from "node:crypto";
import { PostgreSqlDriver } from "@mikro-orm/postgresql";
import { parsePostgresUrl } from "../config/postgresql-url.js";
import type { SqlValue } from "../sql.js";
import {
  type DatabaseSettings,
  type Dialect,
  type Engine,
  type Pool,
  POOL_OPTIONS,
  type Run,
  STATEMENT_TIMEOUT,
  withConnection,
  withTransaction,
} from "./engine.js";
import { codeOf, describeFault } from "./postgresql-fault.js";
import {
  connectionOptions,
  createMissing,
  examineServer,
  quote,
  withDefaults,
} from "./postgresql-server.js";

/** The default of `databasePoolSize`. */
const POOL_SIZE = 10;

const FOREIGN_KEY_VIOLATION = "23503";

interface PostgresConnection {
  query(
    query: PostgresQuery & {
      values: readonly SqlValue[];
      query_timeout?: number;
      types: { getTypeParser: (type: number) => (text: string) => unknown };
    },
  ): Promise<{ rows: unknown[] }>;
  end(): Promise<void>;
}

interface PostgresQuery {
  /** The name under which the statement stays prepared. */
  readonly name?: string;
  readonly text: string;
}

const BOOL = 16;
const INTEGERS = [20, 21, 23];
const POSTGRES_TYPES = {
  getTypeParser: (type: number) => {
    if (type === BOOL) return (text: string) => text === "t";
    return INTEGERS.includes(type) ? Number : (text: string) => text;
  },
};

/**
 * Takes a lock until the transaction ends, so only one transaction runs at a time. The number is arbitrary, but the
 * same in every process.
 */
const BEGIN = ["BEGIN", "SELECT pg_advisory_xact_lock(7428331)"];

const CREATE_MIGRATION_TABLE = `create table if not exists "mikro_orm_migrations" ("id" serial primary key, "name" varchar(255), "executed_at" timestamptz default CURRENT_TIMESTAMP)`;

/**
 * Connects once to examine the server, and returns how to open the database.
 * @throws Error whose message is one line
 */
export async function openPostgres({
  databaseUrl,
  databaseSchema,
  databasePoolSize = POOL_SIZE,
}: DatabaseSettings): Promise<Dialect> {
  const url = withDefaults(parsePostgresUrl(databaseUrl));
  const { ssl, isPooled } = await examineServer(url, databaseSchema);
  const connection = { ...connectionOptions(url), ssl };
  return {
    options: {
      driver: PostgreSqlDriver,
      dbName: url.database,
      pool: { min: 0, max: databasePoolSize },
      driverOptions: {
        ...POOL_OPTIONS,
        connection: isPooled
          ? connection
          : { ...connection, options: withOwnOptions(url.options, databaseSchema) },
      },
    },
    connect: (pool) => createEngine(pool as Pool<PostgresConnection>, isPooled),
    createMigrationTable: CREATE_MIGRATION_TABLE,
    describeFault: (cause) => describeFault(cause, url),
    close: () => Promise.resolve(),
  };
}

export function createPostgres({ databaseUrl, databaseSchema }: DatabaseSettings) {
  return createMissing(withDefaults(parsePostgresUrl(databaseUrl)), databaseSchema);
}

/**
 * Adds a timeout before the options of the URL, and the schema after them. If an option occurs twice, PostgreSQL uses
 * the last one. So the URL can change the timeout, but not the schema.
 */
function withOwnOptions(options: string, schema: string | undefined): string {
  const timeout = `-c statement_timeout=${STATEMENT_TIMEOUT}`;
  if (schema === undefined) return `${timeout} ${options}`;
  const path = quote(schema).replaceAll(/[\\\s]/g, "\\$&");
  return `${timeout} ${options} -c search_path=${path}`;
}

function createEngine(pool: Pool<PostgresConnection>, isPooled: boolean): Engine {
  const prepared = new Map<string, PostgresQuery>();
  const runQuery = <Row>(query: PostgresQuery, values: readonly SqlValue[]) =>
    withConnection(pool, (connection) => queryOn<Row>(connection, query, values, isPooled));
  const runOnce: Run = (statement, values) =>
    runQuery({ text: numberParameters(statement) }, values);
  const runPrepared: Run = (statement, values) => {
    const query = prepared.get(statement) ?? nameStatement(statement);
    prepared.set(statement, query);
    return runQuery(query, values);
  };
  const run = isPooled ? runOnce : runPrepared;
  const inTransaction: Engine["inTransaction"] = (use) =>
    withConnection(pool, (connection) => {
      const runHere: Run = (statement, values) =>
        queryOn(connection, { text: numberParameters(statement) }, values, isPooled);
      return withTransaction(BEGIN, runHere, use);
    });
  return {
    read: run,
    readOnce: runOnce,
    write: againIfRowIsGone(run),
    writeExclusive: againIfRowIsGone((statement, values) =>
      inTransaction((run) => run(statement, values)),
    ),
    inTransaction,
    close: () => Promise.resolve(),
  };
}

/**
 * Runs a statement again if another process has deleted a row that the statement refers to. The second run sees that
 * the row is gone.
 */
function againIfRowIsGone(run: Run): Run {
  return (statement, values) =>
    run<never>(statement, values).catch((error: unknown) => {
      if (codeOf(error) !== FOREIGN_KEY_VIOLATION) throw error;
      return run<never>(statement, values);
    });
}

/** @param isPooled if true, `pg` limits the time, because a pooler does not pass on `statement_timeout` */
async function queryOn<Row>(
  connection: PostgresConnection,
  query: PostgresQuery,
  values: readonly SqlValue[],
  isPooled: boolean,
): Promise<Row[]> {
  const limit = isPooled ? { query_timeout: STATEMENT_TIMEOUT } : {};
  try {
    const { rows } = await connection.query({ ...query, values, types: POSTGRES_TYPES, ...limit });
    return rows as Row[];
  } catch (error) {
    // After this timeout, the connection still waits for the answer to this statement. No other statement can use the
    // connection, so close the connection.
    if ((error as Error).message === "Query read timeout") await connection.end();
    throw error;
  }
}

/** Names a statement by its hash, because PostgreSQL finds prepared statements by name. */
function nameStatement(statement: string): PostgresQuery {
  const text = numberParameters(statement);
  return { name: createHash("sha256").update(text).digest("hex").slice(0, 32), text };
}

/** Replaces each `?` with `$1`, `$2` …, as PostgreSQL writes parameters. */
export function numberParameters(statement: string): string {
  let count = 0;
  return statement.replaceAll("?", () => `$${(count += 1)}`);
}
