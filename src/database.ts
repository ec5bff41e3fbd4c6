import { closeSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type EntityManager, MikroORM, UnderscoreNamingStrategy } from "@mikro-orm/core";
import { Migrator } from "@mikro-orm/migrations";
import { SqliteDriver } from "@mikro-orm/sqlite";
import sqlite3 from "sqlite3";
import { ProfileEntity } from "./accounts/profile.entity.js";
import { UserEntity } from "./accounts/user.entity.js";
import { ServiceUnavailable } from "./errors.js";
import { SigningKeyEntity } from "./keys/signing-key.entity.js";
import { AccountsKeysSessions } from "./migrations/2026-11-22-accounts-keys-sessions.js";
import { SessionEntity } from "./sessions/session.entity.js";
import type { Sql, SqlValue } from "./sql.js";

/** Oldest first. A migration that has landed is never changed. */
const MIGRATIONS = [{ name: "2026-11-22-accounts-keys-sessions", class: AccountsKeysSessions }];

/** How long a statement waits for another writer, in milliseconds. */
const BUSY_TIMEOUT = 5000;
const PRAGMAS = `PRAGMA busy_timeout = ${BUSY_TIMEOUT}; PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON`;

/** How long, in seconds, a client waits before it asks a database again that was away. */
const RETRY_AFTER = 1;

/** SQLite's words for a statement that is wrong in itself. All others mean that the database is away. */
const STATEMENT_ERRORS = ["SQLITE_ERROR", "SQLITE_CONSTRAINT", "SQLITE_MISMATCH", "SQLITE_RANGE"];

/**
 * The database, and the only file that names a driver. Administration goes through the ORM; the statements of a
 * request are prepared once for each connection and bypass it.
 */
export class Database implements Sql {
  readonly #orm: MikroORM<SqliteDriver>;
  /** Beside the ORM's one connection, which writes. In WAL mode a reader never waits for a writer. */
  readonly #reader: sqlite3.Database;
  readonly #statements = new WeakMap<sqlite3.Database, Map<string, sqlite3.Statement>>();

  private constructor(orm: MikroORM<SqliteDriver>, reader: sqlite3.Database) {
    this.#orm = orm;
    this.#reader = reader;
  }

  /**
   * Opens the database, and makes its file, which only its owner can read, if there is none.
   * @param url `sqlite:PATH`
   * @throws Error that says in one line what cannot be opened
   */
  static async open(url: string): Promise<Database> {
    const path = url.slice("sqlite:".length);
    createPrivateFile(path);
    const orm = await MikroORM.init<SqliteDriver>({
      driver: SqliteDriver,
      dbName: path,
      entities: [UserEntity, ProfileEntity, SigningKeyEntity, SessionEntity],
      extensions: [Migrator],
      namingStrategy: UnderscoreNamingStrategy,
      metadataCache: { enabled: false },
      migrations: { migrationsList: MIGRATIONS, snapshot: false, silent: true },
      pool: {
        afterCreate: (connection: sqlite3.Database, done: () => void) =>
          connection.exec(PRAGMAS, done),
      },
    });
    try {
      return new Database(orm, await openReader(path));
    } catch (error) {
      await orm.close();
      throw error;
    }
  }

  /** A new unit of work. */
  fork(): EntityManager {
    return this.#orm.em.fork();
  }

  read<Row>(statement: string, parameters: readonly SqlValue[]): Promise<Row[]> {
    return this.#run<Row>(this.#reader, statement, parameters);
  }

  async write<Row>(statement: string, parameters: readonly SqlValue[]): Promise<Row[]> {
    const { client } = this.#orm.em.getConnection().getKnex() as unknown as {
      client: KnexClient;
    };
    const connection = await client.acquireConnection().catch((error: unknown) => {
      throw new ServiceUnavailable(RETRY_AFTER, error);
    });
    try {
      return await this.#run<Row>(connection, statement, parameters);
    } finally {
      await client.releaseConnection(connection);
    }
  }

  #run<Row>(
    connection: sqlite3.Database,
    statement: string,
    parameters: readonly SqlValue[],
  ): Promise<Row[]> {
    return new Promise((resolve, reject) => {
      this.#prepare(connection, statement, reject).all(
        parameters,
        (error: SqliteError | null, rows: Row[]) => {
          if (error === null) resolve(rows);
          else reject(toRefusal(error));
        },
      );
    });
  }

  #prepare(
    connection: sqlite3.Database,
    statement: string,
    reject: (error: Error) => void,
  ): sqlite3.Statement {
    const prepared = this.#statements.get(connection) ?? new Map<string, sqlite3.Statement>();
    this.#statements.set(connection, prepared);
    const known = prepared.get(statement);
    if (known !== undefined) return known;
    const made = connection.prepare(statement, (error: SqliteError | null) => {
      if (error === null) return;
      prepared.delete(statement);
      reject(toRefusal(error));
    });
    prepared.set(statement, made);
    return made;
  }

  /**
   * Brings the schema up to date. Safe to call from several processes at once.
   * @returns the names of the migrations that this call applied
   * @throws Error when a newer version of Gatehouse wrote this database
   */
  async migrate(): Promise<string[]> {
    const migrator = this.#orm.migrator;
    for (let attempt = 1; ; attempt += 1) {
      try {
        await this.#requireKnownMigrations();
        return (await migrator.up()).map(({ name }) => name);
      } catch (error) {
        // Another process may have been quicker.
        if (attempt === 10 || error instanceof NewerDatabase) throw error;
        await sleep(200);
      }
    }
  }

  async #requireKnownMigrations(): Promise<void> {
    const executed = await this.#orm.migrator.getExecutedMigrations();
    if (executed.some(({ name }) => !MIGRATIONS.some((migration) => migration.name === name))) {
      throw new NewerDatabase("This database was written by a newer version of Gatehouse.");
    }
  }

  /** Whether what is stored can be read. */
  async isReadable(): Promise<boolean> {
    return this.read("SELECT kid FROM signing_key LIMIT 1", []).then(
      () => true,
      () => false,
    );
  }

  /** The statements that would bring this database to what the entities say; empty when nothing is pending. */
  async pendingChanges(): Promise<string> {
    return this.#orm.schema.getUpdateSchemaSQL({ wrap: false });
  }

  async close(): Promise<void> {
    await this.#orm.close();
    await new Promise<void>((resolve) => {
      this.#reader.close(() => {
        resolve();
      });
    });
  }
}

class NewerDatabase extends Error {}

type SqliteError = Error & { code?: string };

interface KnexClient {
  acquireConnection(): Promise<sqlite3.Database>;
  releaseConnection(connection: sqlite3.Database): Promise<void>;
}

function toRefusal(error: SqliteError): Error {
  const isStatementError = STATEMENT_ERRORS.includes(error.code ?? "");
  return isStatementError ? error : new ServiceUnavailable(RETRY_AFTER, error);
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
      if (error !== null) {
        reject(new Error("The database file cannot be opened.", { cause: error }));
        return;
      }
      reader.configure("busyTimeout", BUSY_TIMEOUT);
      resolve(reader);
    });
  });
}
