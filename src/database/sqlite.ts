import { setTimeout } from "node:timers/promises";
import { promisify } from "node:util";
import sqlite3 from "sqlite3";
import { Pool } from "tarn";
import {
  countConnections,
  type Dialect,
  type Engine,
  READ_TIMEOUT,
  type Run,
  WRITE_TIMEOUT,
  withConnection,
  withTransaction,
} from "./engine.js";
import { closeConnection, openConnection } from "./sqlite-connection.js";
import { prepareDatabaseFile } from "./sqlite-file.js";
import { SqliteStatements } from "./sqlite-statements.js";

/**
 * The cache has 64 MiB, because SQLite may write a page several times if a transaction's pages do not fit into the
 * cache.
 */
const PRAGMAS = `PRAGMA busy_timeout = ${WRITE_TIMEOUT}; PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA cache_size = -65536`;

const CREATE_MIGRATION_TABLE =
  "create table if not exists `mikro_orm_migrations` (`id` integer not null primary key autoincrement, `name` varchar(255), `executed_at` datetime default CURRENT_TIMESTAMP)";

/** Waits for the write lock at the start, so that later statements of the transaction need not wait. */
const BEGIN = "BEGIN IMMEDIATE";

/** How many times to retry the pragmas, and how long to wait before each retry, in milliseconds. */
const PRAGMA_RETRIES = 100;
const PRAGMA_PAUSE = WRITE_TIMEOUT / PRAGMA_RETRIES;

/** SQLite allows only one writer at a time. */
const MAX_WRITERS = 1;

/**
 * Opens a connection that only reads. The first write opens a second connection for all writes. In WAL mode, a reader
 * normally does not wait for a writer.
 * @param path an absolute path
 * @throws Error if the file cannot be opened. The message is one line with the path. {@link Dialect.probe} shows
 * whether the file is a database.
 */
export async function openSqlite(path: string, file: { create: boolean }): Promise<Dialect> {
  prepareDatabaseFile(path, file);
  const reader = new SqliteStatements(await openReader(path));
  return {
    engine: createEngine(reader, createPool(path)),
    probe: "SELECT name FROM sqlite_master",
    describeFault: (error) => describeFault(path, error),
    loadOrmOptions: async () => {
      const { SqliteDriver } = await import("@mikro-orm/sqlite");
      return { driver: SqliteDriver, dbName: path };
    },
  };
}

function describeFault(path: string, error: unknown): string {
  const { code = "unknown error" } = error as NodeJS.ErrnoException;
  if (code === "SQLITE_NOTADB") return `The file ${path} is not an SQLite database.`;
  return `The database file ${path} cannot be used (${code}).`;
}

function createEngine(reader: SqliteStatements, pool: Pool<sqlite3.Database>): Engine {
  const writers = new Map<sqlite3.Database, SqliteStatements>();
  const withWriter = <Result>(use: (connection: sqlite3.Database) => Promise<Result>) =>
    withConnection(pool, WRITE_TIMEOUT, (connection, left) => {
      connection.configure("busyTimeout", Math.max(1, Math.ceil(left)));
      return use(connection);
    });
  const writerOn = (connection: sqlite3.Database) => {
    const writer = writers.get(connection) ?? new SqliteStatements(connection);
    writers.set(connection, writer);
    return writer;
  };
  const write: Run = (statement, parameters) =>
    withWriter((connection) => writerOn(connection).run(statement, parameters));
  const transact = <Result>(
    begin: readonly string[],
    runOn: (writer: SqliteStatements) => Run,
    use: (run: Run) => Promise<Result>,
  ) => withWriter((connection) => withTransaction(begin, runOn(writerOn(connection)), use));
  const runOnceOn =
    (writer: SqliteStatements): Run =>
    (statement, parameters) =>
      writer.runOnce(statement, parameters);
  const runOn =
    (writer: SqliteStatements): Run =>
    (statement, parameters) =>
      writer.run(statement, parameters);
  return {
    skipLocked: "",
    forUpdate: "",
    read: (statement, parameters) => reader.run(statement, parameters),
    readOnce: (statement, parameters) => reader.runOnce(statement, parameters),
    write,
    // SQLite allows only one writer at a time, so no further lock is needed.
    writeExclusive: write,
    inTransaction: (use) => transact([BEGIN], runOnceOn, use),
    inSharedTransaction: (use) => transact([BEGIN], runOn, use),
    inLongTransaction: (use) => transact([BEGIN, CREATE_MIGRATION_TABLE], runOnceOn, use),
    countConnections: () => countConnections(pool, MAX_WRITERS),
    close: async () => {
      for (const statements of [reader, ...writers.values()]) await statements.finalize();
      // SQLite removes its -wal file when the last connection closes. The reader cannot remove a file, so the writer
      // must close last.
      await reader.close();
      await pool.destroy();
    },
  };
}

function createPool(path: string): Pool<sqlite3.Database> {
  return new Pool({
    min: 1,
    max: MAX_WRITERS,
    acquireTimeoutMillis: WRITE_TIMEOUT,
    propagateCreateError: true,
    create: () => openWriter(path),
    destroy: closeConnection,
  });
}

async function openWriter(path: string): Promise<sqlite3.Database> {
  const writer = await openConnection(path, sqlite3.OPEN_READWRITE);
  try {
    await setPragmas(writer);
    return writer;
  } catch (error) {
    await closeConnection(writer);
    throw error;
  }
}

/** Sets the pragmas. Switching to WAL fails at once while another process holds a lock, so retry. */
async function setPragmas(writer: sqlite3.Database): Promise<void> {
  for (let retriesLeft = PRAGMA_RETRIES; ; retriesLeft -= 1) {
    try {
      await execute(writer, PRAGMAS);
      return;
    } catch (error) {
      if (retriesLeft === 0) throw error;
      await setTimeout(PRAGMA_PAUSE);
    }
  }
}

async function openReader(path: string): Promise<sqlite3.Database> {
  try {
    const reader = await openConnection(path, sqlite3.OPEN_READONLY);
    reader.configure("busyTimeout", READ_TIMEOUT);
    return reader;
  } catch (cause) {
    throw new Error(describeFault(path, cause), { cause });
  }
}

function execute(connection: sqlite3.Database, statements: string): Promise<unknown> {
  return promisify(connection.exec.bind(connection))(statements);
}
