import { createHash } from "node:crypto";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type EntityManager,
  MikroORM,
  type Options,
  UnderscoreNamingStrategy,
} from "@mikro-orm/core";
import { Migrator } from "@mikro-orm/migrations";
import { type AbstractSqlDriver, SqliteDriver } from "@mikro-orm/sqlite";
import sqlite3 from "sqlite3";
import { ProfileEntity } from "./accounts/profile.entity.js";
import { UserEntity } from "./accounts/user.entity.js";
import { ServiceUnavailable } from "./errors.js";
import { LeaseEntity } from "./maintenance/lease.entity.js";
import { SigningKeyEntity } from "./keys/signing-key.entity.js";
import { AccountsKeysSessions } from "./migrations/2026-11-22-accounts-keys-sessions.js";
import { Throttling } from "./migrations/2026-11-25-throttling.js";
import { SessionEntity } from "./sessions/session.entity.js";
import type { Sql, SqlValue } from "./sql.js";
import { ThrottleEntity } from "./throttling/throttle.entity.js";

/** Oldest first, and the same on every database. A migration that has landed is never changed. */
const MIGRATIONS = [
  { name: "2026-11-22-accounts-keys-sessions", class: AccountsKeysSessions },
  { name: "2026-11-25-throttling", class: Throttling },
];

/** How long a statement waits for a lock or runs, in milliseconds. */
const STATEMENT_TIMEOUT = 5000;

/** How long, in seconds, a client waits before it asks a database again that was away. */
const RETRY_AFTER = 1;

const SQLITE_PRAGMAS = `PRAGMA busy_timeout = ${STATEMENT_TIMEOUT}; PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON`;

/**
 * The words of SQLite, and the classes of PostgreSQL, for a statement that is wrong in itself. Any other error means
 * that the database is away.
 */
const STATEMENT_ERROR = /^(SQLITE_(ERROR|CONSTRAINT|MISMATCH|RANGE)|(2[1-3]|42)[0-9A-Z]{3})$/;

const silently = () => undefined;

/** Of knex, which would wait a minute for a connection, and writes to the console what it also throws. */
const POOL_OPTIONS = {
  acquireConnectionTimeout: STATEMENT_TIMEOUT,
  log: { debug: silently, warn: silently, error: silently, deprecate: silently },
};

/** Runs the single statements of requests, past the ORM. */
type Run = <Row>(statement: string, parameters: readonly SqlValue[]) => Promise<Row[]>;

/** All but `readOnce` prepare a statement once for each connection, and keep it. */
interface Engine {
  readonly read: Run;
  readonly readOnce: Run;
  readonly write: Run;
  readonly writeInTurn: Run;
  close(): Promise<void>;
}

/** The database, and the only file that names a driver. Administration goes through the ORM. */
export class Database implements Sql {
  readonly read: Run;
  readonly readOnce: Run;
  readonly write: Run;
  readonly writeInTurn: Run;
  readonly #orm: MikroORM<AbstractSqlDriver>;
  readonly #engine: Engine;

  private constructor(orm: MikroORM<AbstractSqlDriver>, engine: Engine) {
    this.#orm = orm;
    this.#engine = engine;
    this.read = unlessAway(engine.read);
    this.readOnce = unlessAway(engine.readOnce);
    this.write = unlessAway(engine.write);
    this.writeInTurn = unlessAway(engine.writeInTurn);
  }

  /**
   * Opens the database. SQLite's file is made, so that only its owner can read it, if there is none.
   * @param url `sqlite:PATH` or `postgresql://…`
   * @throws Error that says in one line what cannot be opened
   */
  static async open(url: string): Promise<Database> {
    const isSqlite = url.startsWith("sqlite:");
    const database = isSqlite
      ? await openSqlite(url.slice("sqlite:".length))
      : await openPostgres(url).catch(refuseUnreachable);
    try {
      await database.read("SELECT 1", []);
      return database;
    } catch (error) {
      await database.close();
      return refuseUnreachable(error);
    }
  }

  static async assemble(
    options: Options<AbstractSqlDriver>,
    connect: (pool: Pool) => Engine,
  ): Promise<Database> {
    const orm = await MikroORM.init<AbstractSqlDriver>({
      ...options,
      entities: [
        ...[UserEntity, ProfileEntity, SigningKeyEntity],
        ...[SessionEntity, LeaseEntity, ThrottleEntity],
      ],
      extensions: [Migrator],
      namingStrategy: UnderscoreNamingStrategy,
      metadataCache: { enabled: false },
      migrations: { migrationsList: MIGRATIONS, snapshot: false, silent: true },
      logger: () => undefined,
    });
    return new Database(orm, connect(orm.em.getConnection().getKnex().client as Pool));
  }

  /** A new unit of work. */
  fork(): EntityManager {
    return this.#orm.em.fork();
  }

  /**
   * Brings the schema up to date. Safe to call from several processes at once.
   * @returns the names of the migrations that this call applied
   * @throws Error when a newer version of Gatehouse wrote this database
   */
  async migrate(): Promise<string[]> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        await this.#requireKnownMigrations();
        return (await this.#orm.migrator.up()).map(({ name }) => name);
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
    // The ORM's connection last: one that only reads cannot clear SQLite's -wal file away.
    await this.#engine.close();
    await this.#orm.close();
  }
}

class NewerDatabase extends Error {}

function refuseUnreachable(cause: unknown): never {
  throw new Error("The database cannot be reached. Is its URL right, and does it run?", { cause });
}

/** The part of knex that hands out connections. */
interface Pool<Connection = unknown> {
  acquireConnection(): Promise<Connection>;
  releaseConnection(connection: Connection): Promise<void>;
}

async function withConnection<Connection, Result>(
  pool: Pool<Connection>,
  use: (connection: Connection) => Promise<Result>,
): Promise<Result> {
  const connection = await pool.acquireConnection();
  try {
    return await use(connection);
  } finally {
    await pool.releaseConnection(connection);
  }
}

function unlessAway(run: Run): Run {
  return (statement, parameters) =>
    run<never>(statement, parameters).catch((error: unknown) => {
      const { code } = error as { code?: unknown };
      if (typeof code === "string" && STATEMENT_ERROR.test(code)) throw error;
      throw new ServiceUnavailable(RETRY_AFTER, error);
    });
}

/** One connection of the ORM's writes, and one more reads: in WAL mode a reader never waits for a writer. */
async function openSqlite(path: string): Promise<Database> {
  createPrivateFile(path);
  const reader = new SqliteStatements(await openReader(path));
  await reader.run("SELECT name FROM sqlite_master", []).catch((error: unknown) => {
    throw new Error("The file is not an SQLite database.", { cause: error });
  });
  return Database.assemble(
    {
      driver: SqliteDriver,
      dbName: path,
      pool: { afterCreate: setPragmas },
      driverOptions: POOL_OPTIONS,
    },
    (pool) => {
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
  );
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
async function openPostgres(url: string): Promise<Database> {
  const { PostgreSqlDriver } = await import("@mikro-orm/postgresql");
  const { username, pathname } = new URL(url);
  return Database.assemble(
    {
      driver: PostgreSqlDriver,
      clientUrl: url,
      dbName: decodeURIComponent(pathname.slice(1)) || username || "postgres",
      pool: { min: 0, max: 10 },
      driverOptions: {
        ...POOL_OPTIONS,
        connection: { application_name: "gatehouse", statement_timeout: STATEMENT_TIMEOUT },
      },
    },
    (pool) => {
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
  );
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
