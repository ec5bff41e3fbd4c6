import { setTimeout as sleep } from "node:timers/promises";
import { type EntityManager, MikroORM, UnderscoreNamingStrategy } from "@mikro-orm/core";
import { Migration as OrmMigration, Migrator } from "@mikro-orm/migrations";
import type { AbstractSqlDriver } from "@mikro-orm/sqlite";
import { ProfileEntity } from "../accounts/profile.entity.js";
import { UserEntity } from "../accounts/user.entity.js";
import { Closed, ServiceUnavailable } from "../errors.js";
import { SigningKeyEntity } from "../keys/signing-key.entity.js";
import { LeaseEntity } from "../maintenance/lease.entity.js";
import { SessionEntity } from "../sessions/session.entity.js";
import type { Migration, Sql } from "../sql.js";
import { ThrottleEntity } from "../throttling/throttle.entity.js";
import type { Dialect, Engine, Pool, Run } from "./engine.js";
import { findNewerMigrations, listMigrations, type TableOwner } from "./migrations/list.js";
import { openPostgres } from "./postgresql.js";
import { openSqlite } from "./sqlite.js";

const CORE_ENTITIES = [
  UserEntity,
  ProfileEntity,
  SigningKeyEntity,
  SessionEntity,
  LeaseEntity,
  ThrottleEntity,
];

/** Seconds after which a client should retry while the database cannot be reached. */
const RETRY_AFTER = 1;

/** How often to retry the migrations, and after how many milliseconds, because another process may be applying them. */
const MIGRATION_ATTEMPTS = 10;
const MIGRATION_PAUSE = 200;

/**
 * Matches SQLite's code, or PostgreSQL's class of codes, for a statement that is itself wrong. Any other error means that
 * the database cannot be reached.
 */
const STATEMENT_ERROR = /^(SQLITE_(ERROR|CONSTRAINT|MISMATCH|RANGE)|(2[1-3]|42)[0-9A-Z]{3}|08P01)$/;

/** SQLite's code for a statement that writes on a connection that only reads. */
const WRITES = "SQLITE_READONLY";

/** The database. Migrations and units of work use the ORM; the single statements of requests bypass it. */
export class Database implements Sql {
  readonly read: Run;
  readonly readOnce: Run;
  readonly write: Run;
  readonly writeExclusive: Run;
  readonly #orm: MikroORM<AbstractSqlDriver>;
  readonly #engine: Engine;
  readonly #features: readonly TableOwner[];
  #isClosed = false;

  private constructor(
    orm: MikroORM<AbstractSqlDriver>,
    engine: Engine,
    features: readonly TableOwner[],
  ) {
    this.#orm = orm;
    this.#engine = engine;
    this.#features = features;
    this.read = this.#whileOpen(withUnavailable(engine.read, WRITES));
    this.readOnce = this.#whileOpen(withUnavailable(engine.readOnce, WRITES));
    this.write = this.#whileOpen(withUnavailable(engine.write));
    this.writeExclusive = this.#whileOpen(withUnavailable(engine.writeExclusive));
  }

  /**
   * Opens the database. Creates SQLite's file if it does not exist, readable by its owner only. @param url
   * `sqlite:PATH` or `postgresql://…`
   * @param features the features that are on; their tables are migrated after the core's
   * @throws Error whose message is one line that says what cannot be opened
   */
  static async open(url: string, features: readonly TableOwner[] = []): Promise<Database> {
    const dialect = await (url.startsWith("sqlite:")
      ? openSqlite(url.slice("sqlite:".length))
      : openPostgres(url));
    let database;
    try {
      database = await Database.#connect(dialect, features);
      await database.#engine.read("SELECT 1", []);
      return database;
    } catch (cause) {
      await database?.close();
      const fault = dialect.describeFault(codeOf(cause));
      throw new Error(
        fault ?? "The database cannot be reached. Check its URL, and whether it is running.",
        {
          cause,
        },
      );
    }
  }

  static async #connect(
    { options, connect }: Dialect,
    features: readonly TableOwner[],
  ): Promise<Database> {
    const orm = await MikroORM.init<AbstractSqlDriver>({
      ...options,
      entities: [...CORE_ENTITIES, ...features.flatMap(({ entities = [] }) => entities)],
      extensions: [Migrator],
      namingStrategy: UnderscoreNamingStrategy,
      metadataCache: { enabled: false },
      // A misspelt name would create a database.
      ensureDatabase: false,
      migrations: {
        migrationsList: listMigrations(features).map(toMikroOrm),
        snapshot: false,
        silent: true,
      },
      logger: () => undefined,
    });
    const pool = orm.em.getConnection().getKnex().client as Pool;
    return new Database(orm, connect(pool), features);
  }

  #whileOpen(run: Run): Run {
    return (statement, parameters) =>
      this.#isClosed ? Promise.reject(new Closed()) : run(statement, parameters);
  }

  /** Returns a new unit of work. @throws {@link Closed} */
  fork(): EntityManager {
    if (this.#isClosed) throw new Closed();
    return this.#orm.em.fork();
  }

  /**
   * Brings the tables up to date. Safe to call from several processes at once.
   * @returns the names of the migrations that this call applied
   * @throws Error when a newer version of Gatehouse, or of a feature, wrote this database; Error that names the migration
   * and its feature when a statement of it is wrong
   */
  async migrate(): Promise<string[]> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#migrateOnce();
      } catch (error) {
        if (attempt === MIGRATION_ATTEMPTS || error instanceof FinalError) throw error;
        await sleep(MIGRATION_PAUSE);
      }
    }
  }

  async #migrateOnce(): Promise<string[]> {
    const recorded = await this.#readRecorded();
    const [newer] = findNewerMigrations(recorded, this.#features);
    if (newer !== undefined) {
      throw new FinalError(
        `A newer version wrote this database: the migration ${newer} is unknown.`,
      );
    }
    try {
      return (await this.#orm.migrator.up()).map(({ name }) => name);
    } catch (error) {
      // A statement also fails when another process has applied the migration meanwhile.
      const isAlone = (await this.#readRecorded()).length === recorded.length;
      throw (isAlone ? describeWrongMigration(error) : undefined) ?? error;
    }
  }

  async #readRecorded(): Promise<string[]> {
    const recorded = await this.#orm.migrator.getExecutedMigrations();
    return recorded.map(({ name }) => name);
  }

  /** Returns whether the core's tables can be read. */
  async isReadable(): Promise<boolean> {
    return this.read("SELECT kid FROM signing_key LIMIT 1", []).then(
      () => true,
      () => false,
    );
  }

  /**
   * Returns the statements that would make the tables match the entities; empty when they match. Tables without an
   * entity are left alone, because a feature may use plain SQL, or be off.
   */
  async pendingChanges(): Promise<string> {
    return this.#orm.schema.getUpdateSchemaSQL({ wrap: false, dropTables: false });
  }

  /** Closes every connection. Everything that is called afterwards fails with {@link Closed}. */
  async close(): Promise<void> {
    this.#isClosed = true;
    // The ORM's connection is closed last, because a read-only connection cannot remove SQLite's -wal file.
    await this.#engine.close();
    await this.#orm.close();
  }
}

/** A failure that another attempt does not mend. */
class FinalError extends Error {}

/** The part of the migrator's error that is used here. */
interface MigrationError {
  readonly migration: { readonly name: string };
  /** The driver's error. */
  readonly cause: Error;
}

/** Returns the error that names a migration with a wrong statement; undefined for any other failure. */
function describeWrongMigration(error: unknown): FinalError | undefined {
  const { migration, cause } = error as Partial<MigrationError>;
  if (migration === undefined || !STATEMENT_ERROR.test(codeOf(cause))) return undefined;
  const [feature, name] = migration.name.split(":");
  const title = name === undefined ? migration.name : `${name} of the feature ${feature}`;
  const detail = cause?.message.replaceAll(/\s+/g, " ") ?? "";
  return new FinalError(`The migration ${title} is wrong: ${detail}`, { cause: error });
}

/** Returns the code of the first error in a chain of causes that has one, otherwise an empty text. */
function codeOf(error: unknown): string {
  if (typeof error !== "object" || error === null) return "";
  const { code, cause } = error as { code?: unknown; cause?: unknown };
  return typeof code === "string" ? code : codeOf(cause);
}

function toMikroOrm({ name, statements }: Migration) {
  return {
    name,
    class: class extends OrmMigration {
      override up(): void {
        for (const statement of statements) this.addSql(statement);
      }
    },
  };
}

/**
 * Turns each error that does not come from the statement itself into {@link ServiceUnavailable}.
 * @param further one more code of a statement that is itself wrong
 */
function withUnavailable(run: Run, further?: string): Run {
  return (statement, parameters) =>
    run<never>(statement, parameters).catch((error: unknown) => {
      const { code } = error as { code?: unknown };
      if (typeof code === "string" && (STATEMENT_ERROR.test(code) || code === further)) throw error;
      throw new ServiceUnavailable(RETRY_AFTER, error);
    });
}
