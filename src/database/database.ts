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
 * Matches the codes of errors that the statement itself caused, in SQLite and PostgreSQL. Any other error means that
 * the database is unavailable.
 */
const STATEMENT_ERROR = /^(SQLITE_(ERROR|CONSTRAINT|MISMATCH|RANGE)|(2[1-3]|42)[0-9A-Z]{3}|08P01)$/;

/** SQLite's code for a write on a read-only connection. */
const WRITES = "SQLITE_READONLY";

/** The database. SQL statements run without the ORM. {@link Database.fork} returns an entity manager of the ORM. */
export class Database implements TransactionalSql {
  readonly read: Run;
  readonly readOnce: Run;
  readonly write: Run;
  readonly writeExclusive: Run;
  readonly #orm: MikroORM<AbstractSqlDriver>;
  readonly #engine: Engine;
  readonly #createMigrationTable: string;
  readonly #features: readonly TableOwner[];
  /** Whether {@link Database.migrate} may create our tables in an empty database. */
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
   * Opens the database. Creates a missing SQLite file if the settings allow it.
   * @param features the features that are on. {@link Database.migrate} applies their migrations, too.
   * @throws Error whose message is one line
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
      // With `true`, a misspelt name would create a new database.
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

  /** @throws {@link Closed} */
  fork(): EntityManager {
    if (this.#isClosed) throw new Closed();
    return this.#orm.em.fork();
  }

  /**
   * Applies the missing migrations. Several processes may do this at the same time. If no migration is missing, this
   * needs no permission to change tables.
   * @returns the names of the migrations that this call applied
   * @throws Error when the tables are missing and may not be created
   * @throws Error when a newer version of Gatehouse or of a feature wrote this database
   * @throws Error when a migration fails. The message names the migration.
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

  async isReadable(): Promise<boolean> {
    return this.read("SELECT kid FROM signing_key LIMIT 1", []).then(
      () => true,
      () => false,
    );
  }

  /**
   * Returns the SQL that would make the tables match the entities. Empty if they match. Ignores tables without an
   * entity, because features may create such tables.
   */
  async pendingChanges(): Promise<string> {
    return this.#orm.schema.getUpdateSchemaSQL({ wrap: false, dropTables: false });
  }

  /** Closes every connection. Later calls fail with {@link Closed}. */
  async close(): Promise<void> {
    this.#isClosed = true;
    // SQLite removes its -wal file when the last connection closes. The engine's connection only reads and cannot
    // remove a file, so the ORM's connection must close last.
    await this.#engine.close();
    await this.#orm.close();
  }
}

/** The beginning of knex's error if knex cannot load a driver. */
const DRIVER_MISSING = "Knex: run\n";

function describeFault(cause: unknown, dialect: Dialect): string {
  if (cause instanceof Error && cause.message.startsWith(DRIVER_MISSING)) {
    return "The database's driver cannot be loaded: docs/installing.md says how to declare it for Yarn's Plug'n'Play.";
  }
  return dialect.describeFault(cause);
}

/**
 * Returns whether the statement itself caused an error. An error with the severity FATAL never comes from a statement.
 * For example, a pooler reports a lost server as FATAL with the code 08P01.
 */
function isFaultOfStatement(error: unknown): boolean {
  const { code, severity } = error as { code?: unknown; severity?: unknown };
  return typeof code === "string" && STATEMENT_ERROR.test(code) && severity !== "FATAL";
}

/**
 * Turns errors into {@link ServiceUnavailable}, for example after a lost connection. Leaves two kinds of errors
 * unchanged: an {@link AuthError}, and an error that the statement itself caused, such as a violated constraint.
 * @param further the code of one more error to leave unchanged, such as `SQLITE_READONLY`
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
