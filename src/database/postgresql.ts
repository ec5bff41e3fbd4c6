import { createHash } from "node:crypto";
import { PostgreSqlDriver } from "@mikro-orm/postgresql";
import type { SqlValue } from "../sql.js";
import {
  type Dialect,
  type Engine,
  type Pool,
  POOL_OPTIONS,
  type Run,
  STATEMENT_TIMEOUT,
  withConnection,
  withTransaction,
} from "./engine.js";

/** The part of a `pg` connection that is used here. */
interface PostgresConnection {
  query(
    query: PostgresQuery & {
      values: readonly SqlValue[];
      types: { getTypeParser: (type: number) => (text: string) => unknown };
    },
  ): Promise<{ rows: unknown[] }>;
}

interface PostgresQuery {
  /** Keeps the statement prepared under this name. */
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
 * Takes a lock until the transaction ends; the number is an arbitrary one for Gatehouse. The following statements see
 * everything that the previous holder committed.
 */
const BEGIN = ["BEGIN", "SELECT pg_advisory_xact_lock(7428331)"];

const CREATE_MIGRATION_TABLE = `create table if not exists "mikro_orm_migrations" ("id" serial primary key, "name" varchar(255), "executed_at" timestamptz default CURRENT_TIMESTAMP)`;

/** Describes how PostgreSQL is opened. It connects later. */
export function openPostgres(url: string): Dialect {
  const location = new URL(url);
  const { username, pathname } = location;
  const dbName = decodeURIComponent(pathname.slice(1)) || username || "postgres";
  return {
    options: {
      driver: PostgreSqlDriver,
      clientUrl: url,
      dbName,
      pool: { min: 0, max: 10 },
      driverOptions: {
        ...POOL_OPTIONS,
        connection: { application_name: "gatehouse", statement_timeout: STATEMENT_TIMEOUT },
      },
    },
    connect: (pool) => createEngine(pool as Pool<PostgresConnection>),
    createMigrationTable: CREATE_MIGRATION_TABLE,
    describeFault: (code) => describeFault(code, location, dbName),
    close: () => Promise.resolve(),
  };
}

/** @see https://www.postgresql.org/docs/current/errcodes-appendix.html */
function describeFault(
  code: string,
  { hostname, port, username }: URL,
  database: string,
): string | undefined {
  if (code === "3D000") return `The database ${database} does not exist.`;
  if (code.startsWith("28")) {
    return `The database server refuses the role ${decodeURIComponent(username)} or its password.`;
  }
  if (code === "ECONNREFUSED") {
    return `No database server listens on ${hostname}:${port === "" ? "5432" : port}.`;
  }
  return code === "ENOTFOUND" ? `The database server's host ${hostname} is unknown.` : undefined;
}

function createEngine(pool: Pool<PostgresConnection>): Engine {
  const prepared = new Map<string, PostgresQuery>();
  const runQuery = <Row>(query: PostgresQuery, values: readonly SqlValue[]) =>
    withConnection(pool, (connection) => queryOn<Row>(connection, query, values));
  const run: Run = (statement, values) => {
    const query = prepared.get(statement) ?? nameStatement(statement);
    prepared.set(statement, query);
    return runQuery(query, values);
  };
  const inTransaction: Engine["inTransaction"] = (use) =>
    withConnection(pool, (connection) => {
      const runHere: Run = (statement, values) =>
        queryOn(connection, { text: numberParameters(statement) }, values);
      return withTransaction(BEGIN, runHere, use);
    });
  return {
    read: run,
    readOnce: (statement, values) => runQuery({ text: numberParameters(statement) }, values),
    write: run,
    writeExclusive: (statement, values) => inTransaction((run) => run(statement, values)),
    inTransaction,
    close: () => Promise.resolve(),
  };
}

async function queryOn<Row>(
  connection: PostgresConnection,
  query: PostgresQuery,
  values: readonly SqlValue[] = [],
): Promise<Row[]> {
  return (await connection.query({ ...query, values, types: POSTGRES_TYPES })).rows as Row[];
}

/** Names the statement by its hash: PostgreSQL finds a prepared statement by its name. */
function nameStatement(statement: string): PostgresQuery {
  const text = numberParameters(statement);
  return { name: createHash("sha256").update(text).digest("hex").slice(0, 32), text };
}

/** Replaces each `?` with `$1`, `$2` …, as PostgreSQL writes parameters. */
function numberParameters(statement: string): string {
  let count = 0;
  return statement.replaceAll("?", () => `$${(count += 1)}`);
}
