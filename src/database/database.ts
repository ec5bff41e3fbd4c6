import { type EntityManager, MikroORM, UnderscoreNamingStrategy } from "@mikro-orm/core";
import type { AbstractSqlDriver } from "@mikro-orm/sqlite";
import { ProfileEntity } from "../accounts/profile.entity.js";
import { UserEntity } from "../accounts/user.entity.js";
import { AuthError, Closed, ServiceUnavailable } from "../errors.js";
import { SigningKeyEntity } from "../keys/signing-key.entity.js";
import { LeaseEntity } from "../maintenance/lease.entity.js";
import { SessionEntity } from "../sessions/session.entity.js";
import type { TransactionalSql } from "../sql.js";
import { ThrottleEntity } from "../throttling/throttle.entity.js";
import type { DatabaseSettings, Dialect, Engine, Pool, Run } from "./engine.js";
import { applyMigrations, readRecorded } from "./migrations/apply.js";
import { findNewerMigrations, listMigrations, type TableOwner } from "./migrations/list.js";
import { openDialect } from "./open-dialect.js";
import { HOW_TO_CREATE } from "./sqlite-file.js";

const CORE_ENTITIES = [
  UserEntity,
  ProfileEntity,
  SigningKeyEntity,
  SessionEntity,
  LeaseEntity,
  ThrottleEntity,
];

/** Seconds after which a client should retry while the database is unavailable. */
const RETRY_AFTER = 1;

/**
 * Matches the codes of SQLite and PostgreSQL for errors that the statement itself caused. With any other code, the
 * database counts as unavailable.
 */
const STATEMENT_ERROR = /^(SQLITE_(ERROR|CONSTRAINT|MISMATCH|RANGE)|(2[1-3]|42)[0-9A-Z]{3}|08P01)$/;

/** SQLite's code for a write on a read-only connection. */
const WRITES = "SQLITE_READONLY";

/** The database. Units of work use the ORM. All other SQL statements, even those of migrations, bypass the ORM. */
export class Database implements TransactionalSql {
  readonly read: Run;
  readonly readOnce: Run;
  readonly write: Run;
  readonly writeExclusive: Run;
  readonly #orm: MikroORM<AbstractSqlDriver>;
  readonly #engine: Engine;
  readonly #createMigrationTable: string;
  readonly #features: readonly TableOwner[];
  /** Whether our tables may be created in a database without them. */
  readonly #mayCreate: boolean;
  #isClosed = false;

  private constructor(
    orm: MikroORM<AbstractSqlDriver>,
    engine: Engine,
    createMigrationTable: string,
    features: readonly TableOwner[],
    mayCreate: boolean,
  ) {
    this.#mayCreate = mayCreate;
    this.#orm = orm;
    this.#engine = engine;
    this.#createMigrationTable = createMigrationTable;
    this.#features = features;
    this.read = this.#whileOpen(withUnavailable(engine.read, WRITES));
    this.readOnce = this.#whileOpen(withUnavailable(engine.readOnce, WRITES));
    this.write = this.#whileOpen(withUnavailable(engine.write));
    this.writeExclusive = this.#whileOpen(withUnavailable(engine.writeExclusive));
  }

  /**
   * Opens the database. Creates a missing SQLite file if the settings allow that. Only the owner of the new file can
   * read it.
   * @param features the features that are on; {@link Database.migrate} applies their migrations, too
   * @throws Error whose message says in one line why the database cannot be opened
   */
  static async open(
    settings: DatabaseSettings,
    features: readonly TableOwner[] = [],
  ): Promise<Database> {
    const dialect = await openDialect(settings);
    let database;
    try {
      database = await Database.#connect(dialect, features, settings.createDatabase);
      await database.#engine.read("SELECT 1", []);
      return database;
    } catch (cause) {
      await (database ?? dialect).close();
      throw new Error(describeFault(cause, dialect), { cause });
    }
  }

  static async #connect(
    { options, connect, createMigrationTable }: Dialect,
    features: readonly TableOwner[],
    mayCreate = true,
  ): Promise<Database> {
    const orm = await MikroORM.init<AbstractSqlDriver>({
      ...options,
      entities: [...CORE_ENTITIES, ...features.flatMap(({ entities = [] }) => entities)],
      namingStrategy: UnderscoreNamingStrategy,
      metadataCache: { enabled: false },
      // If this were true, a misspelt name would create a database.
      ensureDatabase: false,
      logger: () => undefined,
    });
    const pool = orm.em.getConnection().getKnex().client as Pool;
    return new Database(orm, connect(pool), createMigrationTable, features, mayCreate);
  }

  #whileOpen(run: Run): Run {
    return (statement, parameters) =>
      this.#isClosed ? Promise.reject(new Closed()) : run(statement, parameters);
  }

  async inTransaction<Result>(use: (run: Run) => Promise<Result>): Promise<Result> {
    if (this.#isClosed) throw new Closed();
    return this.#engine.inTransaction(use).catch(throwUnavailable);
  }

  /** Returns a new unit of work. @throws {@link Closed} */
  fork(): EntityManager {
    if (this.#isClosed) throw new Closed();
    return this.#orm.em.fork();
  }

  /**
   * Brings the tables up to date. Safe to call from several processes at once. If the tables are already up to date,
   * the call changes nothing, and needs no permission to change tables.
   * @returns the names of the migrations that this call applied
   * @throws Error when the tables are missing and may not be created
   * @throws Error when the recorded migrations cannot be read
   * @throws Error when a newer version of Gatehouse, or of a feature, wrote this database
   * @throws Error when a migration fails. The message names the migration. For a feature's migration, the message also
   * names the feature.
   */
  async migrate(): Promise<string[]> {
    const recorded = await readRecorded(this.#engine.readOnce);
    if (recorded.length === 0 && !this.#mayCreate) {
      throw new Error(`The database has no tables of Gatehouse. ${HOW_TO_CREATE}`);
    }
    const [newer] = findNewerMigrations(recorded, this.#features);
    if (newer !== undefined) {
      throw new Error(`A newer version wrote this database: the migration ${newer} is unknown.`);
    }
    const migrations = listMigrations(this.#features);
    if (migrations.every(({ name }) => recorded.includes(name))) return [];
    return applyMigrations(this.#engine, this.#createMigrationTable, migrations);
  }

  /** Returns whether one of the core's tables can be read. */
  async isReadable(): Promise<boolean> {
    return this.read("SELECT kid FROM signing_key LIMIT 1", []).then(
      () => true,
      () => false,
    );
  }

  /**
   * Returns the statements that would make the tables match the entities; empty if they match. Tables without an entity
   * are left alone, because a feature may use plain SQL, or be off.
   */
  async pendingChanges(): Promise<string> {
    return this.#orm.schema.getUpdateSchemaSQL({ wrap: false, dropTables: false });
  }

  /** Closes every connection. Later calls fail with {@link Closed}. */
  async close(): Promise<void> {
    this.#isClosed = true;
    // SQLite removes its -wal file when the last connection closes. A read-only connection cannot remove it, so the
    // ORM's connection is the last.
    await this.#engine.close();
    await this.#orm.close();
  }
}

/** The beginning of knex's error when the package manager does not let knex load a driver. */
const DRIVER_MISSING = "Knex: run\n";

function describeFault(cause: unknown, dialect: Dialect): string {
  if (cause instanceof Error && cause.message.startsWith(DRIVER_MISSING)) {
    return "The database's driver cannot be loaded: docs/installing.md says how to declare it for Yarn's Plug'n'Play.";
  }
  return dialect.describeFault(cause);
}

/**
 * Returns whether the statement itself caused an error. A fatal error is never about the statement, even if its code
 * matches {@link STATEMENT_ERROR}. For example, a pooler reports every fault of the database server as fatal, with the
 * code 08P01.
 */
function isFaultOfStatement(error: unknown): boolean {
  const { code, severity } = error as { code?: unknown; severity?: unknown };
  return typeof code === "string" && STATEMENT_ERROR.test(code) && severity !== "FATAL";
}

/**
 * Turns each error into {@link ServiceUnavailable}, except an {@link AuthError} and errors that the statement itself
 * caused.
 * @param further another error code that counts as the statement's fault
 */
function withUnavailable(run: Run, further?: string): Run {
  return (statement, parameters) =>
    run<never>(statement, parameters).catch((error: unknown) => throwUnavailable(error, further));
}

function throwUnavailable(error: unknown, further?: string): never {
  const { code } = error as { code?: unknown };
  const isKnown = isFaultOfStatement(error) || (further !== undefined && code === further);
  throw isKnown || error instanceof AuthError ? error : new ServiceUnavailable(RETRY_AFTER, error);
}
