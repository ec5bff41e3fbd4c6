import { userInfo } from "node:os";
import pg, { type Client } from "pg";
import { CONNECT_TIMEOUT, type PostgresUrl } from "../config/postgresql-url.js";
import { WRITE_TIMEOUT } from "./engine.js";
import {
  codeOf,
  describeFault,
  hasNoTls,
  isAboutTls,
  MISSING_DATABASE,
} from "./postgresql-fault.js";
import { readTlsOptions, type TlsOptions } from "./postgresql-tls.js";

export interface PostgresServer {
  readonly ssl: TlsOptions | false;
  /**
   * Whether a pooler such as PgBouncer is in front of the server. A pooler may run each transaction on another
   * connection, so prepared statements and connection settings do not work.
   */
  readonly isPooled: boolean;
  /** The `statement_timeout` of new connections, in milliseconds. 0 means no limit. The URL may set it. */
  readonly statementTimeout: number;
}

/** The oldest supported PostgreSQL. Older versions lack SQL that Gatehouse uses, such as `MATERIALIZED`. */
const OLDEST_VERSION = 12;

/**
 * The row that {@link EXAMINE} returns: the server's process id, its version such as 150004, its `statement_timeout`,
 * the current schema, and whether the schema `$1` exists.
 */
interface Found {
  readonly pid: number;
  readonly version: number;
  readonly timeout: number;
  readonly current: string | null;
  readonly hasSchema: boolean;
}

const HAS_SCHEMA = "EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = $1)";
const SETTING = "SELECT setting::int FROM pg_settings WHERE name =";
const EXAMINE = `SELECT pg_backend_pid() AS pid, (${SETTING} 'server_version_num') AS version,
  (${SETTING} 'statement_timeout') AS timeout, current_schema() AS current,
  ${HAS_SCHEMA} AS "hasSchema"`;

/** The error codes when another process has just created the same database or schema. */
const EXISTS_ALREADY = ["42P04", "42P06", "23505"];

/**
 * Connects once to examine the server.
 * @param schema the setting `databaseSchema`
 * @throws Error if the connection fails, the server is too old or the schema cannot be used. The message is one line.
 */
export async function examineServer(url: PostgresUrl, schema?: string): Promise<PostgresServer> {
  const { found, server } = await withClient(url, async (client, ssl) => {
    const [found] = await query<Found>(client, EXAMINE, [schema ?? null]);
    // A pooler sends a made-up process id, so `client.processID` differs from the server's `pid`.
    const isPooled = client.processID !== found?.pid;
    return { found, server: { ssl, isPooled, statementTimeout: found?.timeout ?? 0 } };
  });
  const version = Math.floor((found?.version ?? 0) / 10_000);
  if (version < OLDEST_VERSION) {
    throw new Error(
      `The database server is PostgreSQL ${version}, but Gatehouse needs ${OLDEST_VERSION} or newer.`,
    );
  }
  if (schema === undefined) {
    if (found?.current != null) return server;
    throw new Error(
      "The role's search_path names no schema that the role can use. Set DATABASE_SCHEMA.",
    );
  }
  if (found?.hasSchema !== true) {
    throw new Error(
      `The schema ${schema} does not exist; \`gatehouse migrate --create\` makes it.`,
    );
  }
  if (server.isPooled && found.current !== schema) {
    const statement = `ALTER ROLE ${quote(url.user)} SET search_path = ${quote(schema)}`;
    throw new Error(
      `DATABASE_SCHEMA cannot be set through a pooler. Run on the server: ${statement}`,
    );
  }
  return server;
}

/**
 * Creates the database and the schema, if they do not exist.
 * @returns what this call created, such as `database shop`
 * @throws Error if a connection or a statement fails. The message is one line.
 */
export async function createMissing(url: PostgresUrl, schema?: string): Promise<string[]> {
  const created: string[] = [];
  if (!(await hasDatabase(url))) {
    const create = `CREATE DATABASE ${quote(url.database)}`;
    await withClient({ ...url, database: "postgres" }, (client) => run(client, create));
    created.push(`database ${url.database}`);
  }
  if (schema === undefined) return created;
  await withClient(url, async (client) => {
    const [found] = await query<{ has: boolean }>(client, `SELECT ${HAS_SCHEMA} AS has`, [schema]);
    if (found?.has === true) return;
    await run(client, `CREATE SCHEMA ${quote(schema)}`);
    created.push(`schema ${schema}`);
  });
  return created;
}

async function hasDatabase(url: PostgresUrl): Promise<boolean> {
  try {
    return await withClient(url, () => Promise.resolve(true));
  } catch (error) {
    if (codeOf(error) === MISSING_DATABASE) return false;
    throw error;
  }
}

/** Runs a CREATE statement. Also succeeds if another process has just created the same database or schema. */
async function run(client: Client, statement: string): Promise<void> {
  await client.query(statement).catch((error: unknown) => {
    if (!EXISTS_ALREADY.includes(codeOf(error))) throw error;
  });
}

async function query<Row>(
  client: Client,
  text: string,
  values: readonly unknown[],
): Promise<Row[]> {
  return (await client.query({ text, values, query_timeout: WRITE_TIMEOUT })).rows as Row[];
}

export function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

async function withClient<Result>(
  url: PostgresUrl,
  use: (client: Client, ssl: TlsOptions | false) => Promise<Result>,
): Promise<Result> {
  const tls = readTlsOptions(url);
  try {
    const [client, ssl] = await connect(url, tls);
    try {
      return await use(client, ssl);
    } finally {
      await client.end();
    }
  } catch (error) {
    throw new Error(describeFault(error, url), { cause: error });
  }
}

/** Connects as `sslmode` says. With `prefer`, connects without TLS if TLS fails. */
export async function connect(
  url: PostgresUrl,
  tls: TlsOptions | false,
): Promise<[Client, TlsOptions | false]> {
  try {
    return [await connectWith(url, tls), tls];
  } catch (error) {
    if (url.sslMode !== "prefer" || tls === false || !isAboutTls(error)) throw error;
    const client = await connectWith(url, false).catch((second: unknown) => {
      // Throw the more useful error. `error` may say what is wrong with the certificate. `second` may say only that the
      // server requires TLS.
      throw isAboutTls(second) && !hasNoTls(error) ? error : second;
    });
    return [client, false];
  }
}

async function connectWith(url: PostgresUrl, ssl: TlsOptions | false): Promise<Client> {
  // Pass a copy, because `pg` makes `key` non-enumerable in its argument, and the caller uses `ssl` again.
  const client = new pg.Client({ ...connectionOptions(url), ssl: ssl && { ...ssl } });
  // A lost connection also makes the running statement fail, so ignore this event.
  client.on("error", () => undefined);
  try {
    await client.connect();
    return client;
  } catch (error) {
    void client.end();
    throw error;
  }
}

export function connectionOptions(url: PostgresUrl) {
  const { host, port, user, password, database, options } = url;
  return {
    ...{ host, port, user, password, database, options },
    application_name: url.applicationName,
    connectionTimeoutMillis: (url.connectTimeout ?? CONNECT_TIMEOUT) * 1000,
  };
}

/** Fills in a missing user and database, as libpq does. */
export function withDefaults(url: PostgresUrl): PostgresUrl {
  const { user = userInfo().username, database = user } = new pg.Client(connectionOptions(url));
  return { ...url, user, database };
}
