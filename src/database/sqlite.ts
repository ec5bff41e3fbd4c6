import { closeSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { SqliteDriver } from "@mikro-orm/sqlite";
import sqlite3 from "sqlite3";
import type { SqlValue } from "../sql.js";
import {
  type Dialect,
  type Pool,
  POOL_OPTIONS,
  type Run,
  STATEMENT_TIMEOUT,
  withConnection,
} from "./engine.js";

const SQLITE_PRAGMAS = `PRAGMA busy_timeout = ${STATEMENT_TIMEOUT}; PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON`;

/** One connection of the ORM's writes, and one more reads: in WAL mode a reader never waits for a writer. */
export async function openSqlite(path: string): Promise<Dialect> {
  createPrivateFile(path);
  const reader = new SqliteStatements(await openReader(path));
  await reader.run("SELECT name FROM sqlite_master", []).catch((error: unknown) => {
    throw new Error("The file is not an SQLite database.", { cause: error });
  });
  return {
    options: {
      driver: SqliteDriver,
      dbName: path,
      pool: { afterCreate: setPragmas },
      driverOptions: POOL_OPTIONS,
    },
    connect: (pool) => {
      const writers = new Map<sqlite3.Database, SqliteStatements>();
      const writerOn = (connection: sqlite3.Database) => {
        const writer = writers.get(connection) ?? new SqliteStatements(connection);
        writers.set(connection, writer);
        return writer;
      };
      const write: Run = (statement, parameters) =>
        withConnection(pool as Pool<sqlite3.Database>, (connection) =>
          writerOn(connection).run(statement, parameters),
        );
      return {
        read: (statement, parameters) => reader.run(statement, parameters),
        readOnce: (statement, parameters) => reader.runOnce(statement, parameters),
        write,
        // SQLite has one writer at a time, which reads what the last one wrote.
        writeInTurn: write,
        close: async () => {
          for (const statements of [reader, ...writers.values()]) await statements.finalize();
          await reader.close();
        },
      };
    },
  };
}

/** Nobody waits for the lock that the change to WAL mode needs, so it is tried again for as long as others start. */
function setPragmas(
  connection: sqlite3.Database,
  done: (error: Error | null) => void,
  triesLeft = 100,
): void {
  connection.exec(SQLITE_PRAGMAS, (error) => {
    if (error === null || triesLeft === 0) done(error);
    else setTimeout(setPragmas, STATEMENT_TIMEOUT / 100, connection, done, triesLeft - 1);
  });
}

/** SQLite gives its -wal and -shm files the mode of the database file. */
function createPrivateFile(path: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    closeSync(openSync(path, "a", 0o600));
  } catch (error) {
    const { code = "unknown error" } = error as NodeJS.ErrnoException;
    throw new Error(`The database file cannot be opened for writing (${code}).`, { cause: error });
  }
}

function openReader(path: string): Promise<sqlite3.Database> {
  return new Promise((resolve, reject) => {
    const reader = new sqlite3.Database(path, sqlite3.OPEN_READONLY, (error) => {
      if (error === null) resolve(reader);
      else reject(new Error("The database file cannot be opened.", { cause: error }));
    });
    reader.configure("busyTimeout", STATEMENT_TIMEOUT);
  });
}

function prepare(connection: sqlite3.Database, statement: string): Promise<sqlite3.Statement> {
  return new Promise((resolve, reject) => {
    const prepared = connection.prepare(statement, (error: Error | null) => {
      if (error === null) resolve(prepared);
      else reject(error);
    });
  });
}

function runPrepared<Row>(
  prepared: sqlite3.Statement,
  parameters: readonly SqlValue[],
): Promise<Row[]> {
  return new Promise((resolve, reject) => {
    prepared.all(parameters, (error: Error | null, rows: Row[]) => {
      if (error === null) resolve(rows);
      else reject(error);
    });
  });
}

function finalize(prepared: sqlite3.Statement): Promise<void> {
  return new Promise((resolve) => {
    prepared.finalize(() => {
      resolve();
    });
  });
}

/** The statements of one connection, which cannot be closed as long as any is prepared. */
class SqliteStatements {
  readonly #connection: sqlite3.Database;
  readonly #prepared = new Map<string, Promise<sqlite3.Statement>>();

  constructor(connection: sqlite3.Database) {
    this.#connection = connection;
  }

  async run<Row>(statement: string, parameters: readonly SqlValue[]): Promise<Row[]> {
    return runPrepared(await this.#prepare(statement), parameters);
  }

  async runOnce<Row>(statement: string, parameters: readonly SqlValue[]): Promise<Row[]> {
    const prepared = await prepare(this.#connection, statement);
    try {
      return await runPrepared(prepared, parameters);
    } finally {
      await finalize(prepared);
    }
  }

  /** All who ask while a statement is being prepared wait for it, and learn where that fails. */
  #prepare(statement: string): Promise<sqlite3.Statement> {
    const known = this.#prepared.get(statement);
    if (known !== undefined) return known;
    const preparing = prepare(this.#connection, statement);
    this.#prepared.set(statement, preparing);
    preparing.catch(() => this.#prepared.delete(statement));
    return preparing;
  }

  async finalize(): Promise<void> {
    const preparing = [...this.#prepared.values()];
    this.#prepared.clear();
    for (const result of await Promise.allSettled(preparing)) {
      if (result.status === "fulfilled") await finalize(result.value);
    }
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#connection.close(() => {
        resolve();
      });
    });
  }
}
