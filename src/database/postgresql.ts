import { createHash } from "node:crypto";
import pg, { type Client, type ClientConfig } from "pg";
import { Pool } from "tarn";
import { parsePostgresUrl } from "../config/postgresql-url.js";
import {
  countConnections,
  type DatabaseSettings,
  type Dialect,
  type Engine,
  READ_TIMEOUT,
  type Run,
  type Transact,
  withConnection,
  withTransaction,
  WRITE_TIMEOUT,
} from "./engine.js";
import { PostgresConnections, type PostgresQuery } from "./postgresql-connections.js";
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

/** How long the server lets a statement run or wait, in milliseconds. `COMMIT` has no such limit. */
const SERVER_TIMEOUT = 4000;

/**
 * How much earlier than Gatehouse the server gives up a write, in milliseconds. Otherwise a write could still succeed
 * after its request was refused.
 */
const MARGIN = 500;

/** How long one attempt to connect may take, in milliseconds. Short, because the pool retries. */
const POOL_CONNECT_TIMEOUT = 750;

/** Milliseconds without traffic after which TCP checks that the server is reachable. */
const KEEP_ALIVE_DELAY = 10_000;

/**
 * Locks the row of the oldest migration until the transaction ends, so that only one transaction runs at a time. Not an
 * advisory lock, because some PostgreSQL-compatible databases do not support them.
 */
const LOCK = "SELECT id FROM mikro_orm_migrations ORDER BY id LIMIT 1 FOR UPDATE";

const CREATE_MIGRATION_TABLE = `create table if not exists "mikro_orm_migrations" ("id" serial primary key, "name" varchar(255), "executed_at" timestamptz default CURRENT_TIMESTAMP)`;

/** The codes when another process has just created the same table. */
const TABLE_EXISTS = ["42P07", "23505"];

/** Allows long statements, but no long wait for a table's lock, because other statements queue up behind that wait. */
const BEGIN_LONG = [
  "BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0",
  CREATE_MIGRATION_TABLE,
  LOCK,
  `SET LOCAL lock_timeout = ${SERVER_TIMEOUT}`,
];

const READ_TIME = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS time";

/**
 * Connects once to examine the server, and returns how to open the database.
 * @throws Error if the server or the schema cannot be used. The message is one line.
 */
export async function openPostgres({
  databaseUrl,
  databaseSchema,
  databasePoolSize = POOL_SIZE,
}: DatabaseSettings): Promise<Dialect> {
  const url = withDefaults(parsePostgresUrl(databaseUrl));
  const { ssl, isPooled, statementTimeout } = await examineServer(url, databaseSchema);
  const connectTimeout =
    url.connectTimeout === undefined ? POOL_CONNECT_TIMEOUT : url.connectTimeout * 1000;
  const connection: ClientConfig = {
    ...connectionOptions(url),
    ...(!isPooled && { options: withOwnOptions(url.options, databaseSchema) }),
    ssl,
    connectionTimeoutMillis: connectTimeout,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_DELAY,
  };
  const isOwnTimeout = !isPooled && !url.options.includes("statement_timeout");
  const timeout = isOwnTimeout ? SERVER_TIMEOUT : statementTimeout;
  const isLimited = timeout > 0 && timeout <= SERVER_TIMEOUT;
  const connections = new PostgresConnections();
  const pool = new Pool<Client>({
    min: 0,
    max: databasePoolSize,
    acquireTimeoutMillis: READ_TIMEOUT,
    createRetryIntervalMillis: 50,
    propagateCreateError: true,
    ...(connectTimeout > 0 && { createTimeoutMillis: connectTimeout }),
    // A copy, because `pg` makes `ssl.key` non-enumerable in its argument.
    create: () => connections.open(new pg.Client({ ...connection, ssl: ssl && { ...ssl } })),
    validate: (client) => connections.isUsable(client),
    destroy: (client) => client.end(),
  });
  return {
    engine: createEngine(pool, connections, { isPooled, isLimited, databasePoolSize }),
    describeFault: (cause) => describeFault(cause, url),
    loadOrmOptions: async () => {
      const { PostgreSqlDriver } = await import("@mikro-orm/postgresql");
      return {
        driver: PostgreSqlDriver,
        dbName: url.database,
        driverOptions: { connection: { ...connection, ssl: ssl && { ...ssl } } },
      };
    },
  };
}

export function createPostgres({ databaseUrl, databaseSchema }: DatabaseSettings) {
  return createMissing(withDefaults(parsePostgresUrl(databaseUrl)), databaseSchema);
}

/**
 * Adds timeouts before the options of the URL, and the schema after them. If an option occurs twice, PostgreSQL uses
 * the last one. So the URL can change the timeouts, but not the schema.
 */
function withOwnOptions(options: string, schema: string | undefined): string {
  // Let the server end transactions of vanished clients, because their locks block others.
  const timeouts = `-c statement_timeout=${SERVER_TIMEOUT} -c idle_in_transaction_session_timeout=${READ_TIMEOUT}`;
  if (schema === undefined) return `${timeouts} ${options}`;
  const path = quote(schema).replaceAll(/[\\\s]/g, "\\$&");
  return `${timeouts} ${options} -c search_path=${path}`;
}

/** @param server `isLimited` says whether the server ends each statement after {@link SERVER_TIMEOUT} */
function createEngine(
  pool: Pool<Client>,
  connections: PostgresConnections,
  {
    isPooled,
    isLimited,
    databasePoolSize,
  }: { isPooled: boolean; isLimited: boolean; databasePoolSize: number },
): Engine {
  const prepared = new Map<string, PostgresQuery>();
  const toQuery = (statement: string): PostgresQuery => {
    if (isPooled) return unnamed(statement);
    const query = prepared.get(statement) ?? nameStatement(statement);
    prepared.set(statement, query);
    return query;
  };
  const readAs =
    (toQuery: (statement: string) => PostgresQuery): Run =>
    (statement, values) =>
      withConnection(pool, READ_TIMEOUT, (connection, left) =>
        connections.run(connection, toQuery(statement), values, left),
      );
  /** Sends no further statement in the last {@link MARGIN}, so that there is time for `COMMIT`. */
  const transact = <Result>(
    connection: Client,
    left: number,
    begin: readonly string[],
    use: (run: Run) => Promise<Result>,
    toQuery = unnamed,
  ) => {
    const end = performance.now() + left;
    const runAs =
      (toQuery: (statement: string) => PostgresQuery): Run =>
      (statement, values) => {
        const left = end - performance.now();
        return connections.run(connection, toQuery(statement), values, left > MARGIN ? left : 0);
      };
    return withTransaction(begin, runAs(unnamed), () => use(runAs(toQuery)));
  };
  const isEndedInTime = (left: number) => isLimited && left >= SERVER_TIMEOUT + MARGIN;
  const begin = (left: number) =>
    isEndedInTime(left)
      ? "BEGIN"
      : `BEGIN; SET LOCAL statement_timeout = ${Math.max(1, Math.floor(left - MARGIN))}`;
  const write: Run = (statement, values) =>
    withConnection(pool, WRITE_TIMEOUT, (connection, left) =>
      isEndedInTime(left)
        ? connections.run(connection, toQuery(statement), values, left)
        : transact(connection, left, [begin(left)], (run) => run(statement, values)),
    );
  const inTransaction: Transact = (use) =>
    withConnection(pool, WRITE_TIMEOUT, (connection, left) =>
      transact(connection, left, [begin(left), LOCK], use),
    );
  const read = readAs(toQuery);
  return {
    skipLocked: "FOR UPDATE SKIP LOCKED",
    read,
    readOnce: readAs(unnamed),
    write: againIfRowIsGone(write),
    writeExclusive: againIfRowIsGone((statement, values) =>
      inTransaction((run) => run(statement, values)),
    ),
    inTransaction,
    inSharedTransaction: (use) =>
      withConnection(pool, WRITE_TIMEOUT, (connection, left) =>
        transact(connection, left, [begin(left)], use, toQuery),
      ),
    inLongTransaction: async (use) => {
      let hasBegun = false;
      const attempt = () =>
        withConnection(pool, Infinity, (connection, left) =>
          transact(connection, left, BEGIN_LONG, (run) => {
            hasBegun = true;
            return use(run);
          }),
        );
      return attempt().catch((error: unknown) => {
        if (hasBegun || !TABLE_EXISTS.includes(codeOf(error))) throw error;
        return attempt();
      });
    },
    readTime: async () => {
      const [row] = await read<{ time: number }>(READ_TIME, []);
      return row?.time ?? Date.now();
    },
    countConnections: () => countConnections(pool, databasePoolSize),
    close: async () => {
      await pool.destroy();
    },
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

function unnamed(statement: string): PostgresQuery {
  return { text: numberParameters(statement) };
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
