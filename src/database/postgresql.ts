import pg, { type Client, type ClientConfig } from "pg";
import { Pool } from "tarn";
import { parsePostgresUrl } from "../config/postgresql-url.js";
import { type DatabaseSettings, type Dialect, READ_TIMEOUT } from "./engine.js";
import { PostgresConnections } from "./postgresql-connections.js";
import { createEngine, SERVER_TIMEOUT } from "./postgresql-engine.js";
import { describeFault, isWithoutAnswer } from "./postgresql-fault.js";
import {
  connectionOptions,
  createMissing,
  examineServer,
  quote,
  withDefaults,
} from "./postgresql-server.js";

/** The default of `databasePoolSize`. */
const POOL_SIZE = 10;

/** How long one attempt to connect may take, in milliseconds. Three attempts fit into {@link READ_TIMEOUT}. */
const POOL_CONNECT_TIMEOUT = 650;

/** Milliseconds without traffic after which TCP checks that the server is reachable. */
const KEEP_ALIVE_DELAY = 10_000;

/**
 * Connects once to examine the server. The returned engine opens its own connections when statements need them.
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
    ...(connectTimeout > 0 && { createTimeoutMillis: Math.max(connectTimeout, READ_TIMEOUT) }),
    create: () =>
      connectAgain(Math.floor(READ_TIMEOUT / connectTimeout), () =>
        // Pass a copy of `ssl`, because `pg` makes `ssl.key` non-enumerable in its argument.
        connections.open(new pg.Client({ ...connection, ssl: ssl && { ...ssl } })),
      ),
    validate: (client) => connections.isUsable(client),
    destroy: (client) => client.end(),
  });
  return {
    engine: createEngine(pool, connections, { isPooled, isLimited, databasePoolSize }),
    probe: "SELECT 1",
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

/** Connects. Tries again if the server does not answer, because a request can wait longer than one attempt. */
async function connectAgain(attempts: number, connect: () => Promise<Client>): Promise<Client> {
  try {
    return await connect();
  } catch (error) {
    if (attempts <= 1 || !isWithoutAnswer(error)) throw error;
    return connectAgain(attempts - 1, connect);
  }
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
