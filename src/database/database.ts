import { setTimeout as sleep } from "node:timers/promises";
import { type EntityManager, MikroORM, UnderscoreNamingStrategy } from "@mikro-orm/core";
import { Migration, Migrator } from "@mikro-orm/migrations";
import type { AbstractSqlDriver } from "@mikro-orm/sqlite";
import { ProfileEntity } from "../accounts/profile.entity.js";
import { UserEntity } from "../accounts/user.entity.js";
import type { Dialect, Engine, Pool, Run } from "./engine.js";
import { openPostgres } from "./postgresql.js";
import { openSqlite } from "./sqlite.js";
import { ServiceUnavailable } from "../errors.js";
import { LeaseEntity } from "../maintenance/lease.entity.js";
import { SigningKeyEntity } from "../keys/signing-key.entity.js";
import { AccountsKeysSessions } from "./migrations/2026-11-22-accounts-keys-sessions.js";
import { Throttling } from "./migrations/2026-11-25-throttling.js";
import { SessionEntity } from "../sessions/session.entity.js";
import type { Sql } from "../sql.js";
import { ThrottleEntity } from "../throttling/throttle.entity.js";

/** Oldest first, and the same on every database. A migration that has landed is never changed. */
const MIGRATIONS = [
  { name: "2026-11-22-accounts-keys-sessions", class: AccountsKeysSessions },
  { name: "2026-11-25-throttling", class: Throttling },
];

/** How long, in seconds, a client waits before it asks a database again that was away. */
const RETRY_AFTER = 1;

/**
 * The words of SQLite, and the classes of PostgreSQL, for a statement that is wrong in itself. Any other error means
 * that the database is away.
 */
const STATEMENT_ERROR = /^(SQLITE_(ERROR|CONSTRAINT|MISMATCH|RANGE)|(2[1-3]|42)[0-9A-Z]{3})$/;

/** Whoever has tables of its own: a feature. */
export interface TableOwner {
  readonly name: string;
  readonly entities?: readonly (abstract new () => object)[];
  readonly migrations?: readonly {
    readonly name: string;
    readonly statements: readonly string[];
  }[];
}

/** An owner's migrations as the ORM takes them. Their names begin with the owner's. */
function migrationsOf({ name: owner, migrations = [] }: TableOwner) {
  return migrations.map(({ name, statements }) => ({
    name: `${owner}:${name}`,
    class: class extends Migration {
      override up(): void {
        for (const statement of statements) this.addSql(statement);
      }
    },
  }));
}

/** The database. Administration goes through the ORM, the single statements of requests past it. */
export class Database implements Sql {
  readonly read: Run;
  readonly readOnce: Run;
  readonly write: Run;
  readonly writeInTurn: Run;
  readonly #orm: MikroORM<AbstractSqlDriver>;
  readonly #engine: Engine;
  readonly #known: readonly TableOwner[];

  private constructor(
    orm: MikroORM<AbstractSqlDriver>,
    engine: Engine,
    known: readonly TableOwner[],
  ) {
    this.#known = known;
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
   * @param known who may have tables in it
   * @param active whose tables are migrated
   * @throws Error that says in one line what cannot be opened
   */
  static async open(
    url: string,
    known: readonly TableOwner[] = [],
    active: readonly TableOwner[] = known,
  ): Promise<Database> {
    const dialect = await (url.startsWith("sqlite:")
      ? openSqlite(url.slice("sqlite:".length))
      : openPostgres(url));
    let database;
    try {
      database = await Database.assemble(dialect, known, active);
      await database.read("SELECT 1", []);
      return database;
    } catch (cause) {
      await database?.close();
      throw new Error("The database cannot be reached. Is its URL right, and does it run?", {
        cause,
      });
    }
  }

  private static async assemble(
    { options, connect }: Dialect,
    known: readonly TableOwner[],
    active: readonly TableOwner[],
  ): Promise<Database> {
    const orm = await MikroORM.init<AbstractSqlDriver>({
      ...options,
      entities: [
        ...[UserEntity, ProfileEntity, SigningKeyEntity],
        ...[SessionEntity, LeaseEntity, ThrottleEntity],
        ...active.flatMap(({ entities = [] }) => entities),
      ],
      extensions: [Migrator],
      namingStrategy: UnderscoreNamingStrategy,
      metadataCache: { enabled: false },
      migrations: {
        migrationsList: [...MIGRATIONS, ...active.flatMap(migrationsOf)],
        snapshot: false,
        silent: true,
      },
      logger: () => undefined,
    });
    return new Database(orm, connect(orm.em.getConnection().getKnex().client as Pool), known);
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
    const known = [...MIGRATIONS, ...this.#known.flatMap(migrationsOf)];
    const owners = this.#known.map(({ name }) => name);
    // A migration of a feature that was taken out stays applied, and harms nothing.
    const isUnknown = ({ name }: { name: string }) =>
      !known.some((migration) => migration.name === name) &&
      (!name.includes(":") || owners.includes(name.split(":")[0] ?? ""));
    if (executed.some(isUnknown)) {
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

function unlessAway(run: Run): Run {
  return (statement, parameters) =>
    run<never>(statement, parameters).catch((error: unknown) => {
      const { code } = error as { code?: unknown };
      if (typeof code === "string" && STATEMENT_ERROR.test(code)) throw error;
      throw new ServiceUnavailable(RETRY_AFTER, error);
    });
}
