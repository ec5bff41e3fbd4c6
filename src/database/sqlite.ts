import { SqliteDriver } from "@mikro-orm/sqlite";
import sqlite3 from "sqlite3";
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
import { prepareDatabaseFile } from "./sqlite-file.js";
import { SqliteStatements } from "./sqlite-statements.js";

const PRAGMAS = `PRAGMA busy_timeout = ${STATEMENT_TIMEOUT}; PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON`;

const CREATE_MIGRATION_TABLE =
  "create table if not exists `mikro_orm_migrations` (`id` integer not null primary key autoincrement, `name` varchar(255), `executed_at` datetime default CURRENT_TIMESTAMP)";

/** Takes the write lock at once, so no later statement of the transaction has to wait. */
const BEGIN = ["BEGIN IMMEDIATE"];

/** How many times to retry the pragmas, and how long to wait before each retry, in milliseconds. */
const PRAGMA_RETRIES = 100;
const PRAGMA_PAUSE = STATEMENT_TIMEOUT / PRAGMA_RETRIES;

/**
 * Opens a connection that only reads. The ORM opens another one, which writes. In WAL mode a reader never waits for a
 * writer.
 * @param path absolute
 * @throws Error whose message is one line with the path
 */
export async function openSqlite(path: string, file: { create: boolean }): Promise<Dialect> {
  prepareDatabaseFile(path, file);
  const reader = new SqliteStatements(await openReader(path));
  try {
    await reader.runOnce("SELECT name FROM sqlite_master", []);
  } catch (cause) {
    await reader.close();
    throw new Error(describeFault(path, cause), { cause });
  }
  return {
    options: {
      driver: SqliteDriver,
      dbName: path,
      pool: { afterCreate: setPragmas },
      driverOptions: POOL_OPTIONS,
    },
    connect: (pool) => createEngine(reader, pool as Pool<sqlite3.Database>),
    createMigrationTable: CREATE_MIGRATION_TABLE,
    describeFault: (error) => describeFault(path, error),
    close: () => reader.close(),
  };
}

function describeFault(path: string, error: unknown): string {
  const code = codeOf(error);
  if (code === "SQLITE_NOTADB") return `The file ${path} is not an SQLite database.`;
  return `The database file ${path} cannot be used (${code}).`;
}

function codeOf(error: unknown): string {
  const { code, cause } = error as { code?: unknown; cause?: unknown };
  if (typeof code === "string") return code;
  return cause == null ? "unknown error" : codeOf(cause);
}

function createEngine(reader: SqliteStatements, pool: Pool<sqlite3.Database>): Engine {
  const writers = new Map<sqlite3.Database, SqliteStatements>();
  const writerOn = (connection: sqlite3.Database) => {
    const writer = writers.get(connection) ?? new SqliteStatements(connection);
    writers.set(connection, writer);
    return writer;
  };
  const write: Run = (statement, parameters) =>
    withConnection(pool, (connection) => writerOn(connection).run(statement, parameters));
  return {
    read: (statement, parameters) => reader.run(statement, parameters),
    readOnce: (statement, parameters) => reader.runOnce(statement, parameters),
    write,
    // SQLite allows only one writer at a time, so no further lock is needed.
    writeExclusive: write,
    inTransaction: (use) =>
      withConnection(pool, async (connection) => {
        const run: Run = (statement, parameters) =>
          writerOn(connection).runOnce(statement, parameters);
        return withTransaction(BEGIN, run, use);
      }),
    close: async () => {
      for (const statements of [reader, ...writers.values()]) await statements.finalize();
      await reader.close();
    },
  };
}

/** Sets the pragmas. Switching to WAL fails at once while another process holds a lock, so retry. */
function setPragmas(
  connection: sqlite3.Database,
  done: (error: Error | null) => void,
  retriesLeft = PRAGMA_RETRIES,
): void {
  connection.exec(PRAGMAS, (error) => {
    if (error === null || retriesLeft === 0) done(error);
    else setTimeout(setPragmas, PRAGMA_PAUSE, connection, done, retriesLeft - 1);
  });
}

function openReader(path: string): Promise<sqlite3.Database> {
  return new Promise((resolve, reject) => {
    const reader = new sqlite3.Database(path, sqlite3.OPEN_READONLY, (error) => {
      if (error === null) resolve(reader);
      else reject(new Error(describeFault(path, error), { cause: error }));
    });
    reader.configure("busyTimeout", STATEMENT_TIMEOUT);
  });
}
