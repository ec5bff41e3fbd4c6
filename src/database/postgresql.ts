import { createHash } from "node:crypto";
import type { SqlValue } from "../sql.js";
import {
  type Dialect,
  type Pool,
  POOL_OPTIONS,
  type Run,
  STATEMENT_TIMEOUT,
  withConnection,
} from "./engine.js";

/** What we use of a connection of `pg`. */
interface PostgresConnection {
  query(
    query: PostgresQuery & {
      values: readonly SqlValue[];
      types: { getTypeParser: (type: number) => (text: string) => unknown };
    },
  ): Promise<{ rows: unknown[] }>;
}

interface PostgresQuery {
  /** Keeps it prepared. */
  readonly name?: string;
  readonly text: string;
}

/** Held until the transaction ends; the number is ours alone. The statement after it sees what the last one committed. */
const TAKE_TURN = "SELECT pg_advisory_xact_lock(7428331)";

const INT8 = 20;
const BOOL = 16;
const POSTGRES_TYPES = {
  getTypeParser: (type: number) => {
    if (type === BOOL) return (text: string) => text === "t";
    const isNumber = type === INT8 || type === 23 || type === 21;
    return isNumber ? Number : (text: string) => text;
  },
};

/** The driver is loaded only where it is used. */
export async function openPostgres(url: string): Promise<Dialect> {
  const { PostgreSqlDriver } = await import("@mikro-orm/postgresql");
  const { username, pathname } = new URL(url);
  return {
    options: {
      driver: PostgreSqlDriver,
      clientUrl: url,
      dbName: decodeURIComponent(pathname.slice(1)) || username || "postgres",
      pool: { min: 0, max: 10 },
      driverOptions: {
        ...POOL_OPTIONS,
        connection: { application_name: "gatehouse", statement_timeout: STATEMENT_TIMEOUT },
      },
    },
    connect: (pool) => {
      const named = new Map<string, PostgresQuery>();
      const askOn = async <Row>(
        connection: PostgresConnection,
        query: PostgresQuery,
        values: readonly SqlValue[] = [],
      ) => (await connection.query({ ...query, values, types: POSTGRES_TYPES })).rows as Row[];
      const ask = <Row>(query: PostgresQuery, values: readonly SqlValue[]) =>
        withConnection(pool as Pool<PostgresConnection>, (connection) =>
          askOn<Row>(connection, query, values),
        );
      const run: Run = (statement, values) => {
        const query = named.get(statement) ?? nameStatement(statement);
        named.set(statement, query);
        return ask(query, values);
      };
      return {
        read: run,
        readOnce: (statement, values) => ask({ text: numbered(statement) }, values),
        write: run,
        writeInTurn: (statement, values) =>
          withConnection(pool as Pool<PostgresConnection>, async (connection) => {
            await askOn(connection, { text: "BEGIN" });
            try {
              await askOn(connection, { text: TAKE_TURN });
              return await askOn(connection, { text: numbered(statement) }, values);
            } finally {
              // Of a transaction that failed, PostgreSQL makes a ROLLBACK of it.
              await askOn(connection, { text: "COMMIT" });
            }
          }),
        close: () => Promise.resolve(),
      };
    },
  };
}

/** PostgreSQL finds a prepared statement by its name. */
function nameStatement(statement: string): PostgresQuery {
  const text = numbered(statement);
  return { name: createHash("sha256").update(text).digest("hex").slice(0, 32), text };
}

/** PostgreSQL numbers its parameters. */
function numbered(statement: string): string {
  let count = 0;
  return statement.replaceAll("?", () => `$${(count += 1)}`);
}
