import { AuthError, Closed, ServiceUnavailable } from "../errors.js";
import type { StatementKind, StatementObserver, TransactionalSql } from "../sql.js";
import { type Clock, DatabaseClock, type DatabaseClockOptions } from "./database-clock.js";
import type { Connections, DatabaseSettings, Dialect, Engine, Run, Transact } from "./engine.js";
import { applyMigrations, readRecorded } from "./migrations/apply.js";
import { findNewerMigrations, listMigrations, type TableOwner } from "./migrations/list.js";
import { UNFINISHED_COPY_NAME } from "./migrations/unfinished-copy.js";
import { observeRun } from "./observe-run.js";
import { openDialect } from "./open-dialect.js";
import { HOW_TO_CREATE } from "./sqlite-file.js";

/** Seconds after which a client should retry while the database is unavailable. */
const RETRY_AFTER = 1;

/**
 * Matches the codes of errors that the statement itself caused, in SQLite and PostgreSQL. Other errors normally mean
 * that the database is unavailable.
 */
const STATEMENT_ERROR = /^(SQLITE_(ERROR|CONSTRAINT|MISMATCH|RANGE)|(2[1-3]|42)[0-9A-Z]{3}|08P01)$/;

/** Writes a row, and changes it each time, because SQLite does not write an unchanged page. */
const WRITE_CHECK = `INSERT INTO lease (name, holder, expires_at) VALUES ('write-check', '', 0)
  ON CONFLICT (name) DO UPDATE SET expires_at = lease.expires_at + 1 RETURNING name`;

/** SQLite's code for a write on a read-only connection. Such a write is a bug, not an outage. */
const READ_ONLY = "SQLITE_READONLY";

/** Runs SQL statements on the database, without the ORM. */
export class Database implements TransactionalSql {
  readonly skipLocked: string;
  readonly forUpdate: string;
  read: Run;
  readOnce: Run;
  write: Run;
  writeExclusive: Run;
  inTransaction: Transact;
  inSharedTransaction: Transact;
  readonly #engine: Engine;
  readonly #dialect: Dialect;
  readonly #features: readonly TableOwner[];
  /** Whether {@link Database.migrate} may create Gatehouse's tables in an empty database. */
  readonly #mayCreate: boolean;
  #isClosed = false;
  /**
   * False after a write failed because the database was unavailable. True again when a write succeeds, or fails for
   * another reason.
   */
  #takesWrites = true;
  /**
   * The running write of {@link Database.isWritable}. Concurrent calls share it, because any client may request the
   * health probe as often as it likes.
   */
  #writeCheck: Promise<unknown> | undefined;

  private constructor(dialect: Dialect, features: readonly TableOwner[], mayCreate: boolean) {
    const { engine } = dialect;
    this.#dialect = dialect;
    this.#engine = engine;
    this.#features = features;
    this.#mayCreate = mayCreate;
    this.skipLocked = engine.skipLocked;
    this.forUpdate = engine.forUpdate;
    this.read = this.#whileOpen(withUnavailable(engine.read, READ_ONLY));
    this.readOnce = this.#whileOpen(withUnavailable(engine.readOnce, READ_ONLY));
    const writing = (run: Run): Run => {
      const writes = withUnavailable(run);
      return this.#whileOpen((statement, parameters) =>
        this.#noteWrite(writes<never>(statement, parameters)),
      );
    };
    this.write = writing(engine.write);
    this.writeExclusive = writing(engine.writeExclusive);
    const transacting =
      (transact: Transact): Transact =>
      async (use) => {
        if (this.#isClosed) throw new Closed();
        return this.#noteWrite(transact(use).catch(throwUnavailable));
      };
    this.inTransaction = transacting(engine.inTransaction);
    this.inSharedTransaction = transacting(engine.inSharedTransaction);
  }

  /**
   * Opens the database. Creates a missing SQLite file if the settings allow it.
   * @param features the features that are on. {@link Database.migrate} applies their migrations, too.
   * @throws Error if the database cannot be opened. The message is one line.
   */
  static async open(
    settings: DatabaseSettings,
    features: readonly TableOwner[] = [],
  ): Promise<Database> {
    const dialect = await openDialect(settings);
    try {
      await dialect.engine.readOnce(dialect.probe, []);
    } catch (cause) {
      await dialect.engine.close();
      throw new Error(dialect.describeFault(cause), { cause });
    }
    return new Database(dialect, features, settings.createDatabase ?? true);
  }

  #whileOpen(run: Run): Run {
    return (statement, parameters) =>
      this.#isClosed ? Promise.reject(new Closed()) : run(statement, parameters);
  }

  /**
   * Calls `observer` after each later statement and transaction, but not after {@link Database.inLongTransaction}.
   * Without an observer, nothing is timed.
   */
  observe(observer: StatementObserver): void {
    const { read, readOnce, write, writeExclusive, inTransaction, inSharedTransaction } = this;
    const timed =
      (kind: StatementKind, run: Run): Run =>
      (statement, parameters) =>
        observeRun(observer, kind, statement, () => run<never>(statement, parameters));
    this.read = timed("read", read);
    this.readOnce = timed("read", readOnce);
    this.write = timed("write", write);
    this.writeExclusive = timed("exclusive", writeExclusive);
    const timedTransaction =
      (transact: Transact): Transact =>
      (use) =>
        observeRun(observer, "transaction", null, () => transact(use));
    this.inTransaction = timedTransaction(inTransaction);
    this.inSharedTransaction = timedTransaction(inSharedTransaction);
  }

  /** The connections of the pool. SQLite's connection for reads is not in the pool. */
  get connections(): Connections {
    return this.#engine.countConnections();
  }

  /** The same as {@link Database.inTransaction}, but without a time limit. */
  async inLongTransaction<Result>(use: (run: Run) => Promise<Result>): Promise<Result> {
    if (this.#isClosed) throw new Closed();
    return this.#engine.inLongTransaction(use).catch(throwUnavailable);
  }

  /** Starts the clock that all servers of this database share. With SQLite, this is the machine's clock. */
  async startClock(options: DatabaseClockOptions): Promise<Clock> {
    const { readTime } = this.#engine;
    if (readTime === undefined) return { now: () => Date.now(), close: () => Promise.resolve() };
    return DatabaseClock.start(readTime, options);
  }

  /**
   * Applies the missing migrations. Several processes may do this at the same time. If no migration is missing, this
   * needs no permission to change tables.
   * @returns the names of the migrations that this call applied
   * @throws Error when the tables are missing and may not be created
   * @throws Error when the database is a copy that is not complete
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
    const isCopying = migrations.some(({ name }) => name === UNFINISHED_COPY_NAME);
    if (recorded.includes(UNFINISHED_COPY_NAME) && !isCopying) {
      throw new Error(
        "This database is a copy that is not complete. Run `gatehouse copy-database` again.",
      );
    }
    if (migrations.every(({ name }) => recorded.includes(name))) return [];
    return applyMigrations(this.#engine, migrations);
  }

  /** Remembers whether the database accepts writes. */
  #noteWrite<Result>(writing: Promise<Result>): Promise<Result> {
    writing.then(
      () => (this.#takesWrites = true),
      (error: unknown) => (this.#takesWrites = !(error instanceof ServiceUnavailable)),
    );
    return writing;
  }

  /**
   * Returns whether the database accepts writes. For example, it accepts none while its disk is full. Writes a row if
   * the last write failed, so that the answer changes even if no request writes.
   */
  async isWritable(): Promise<boolean> {
    if (this.#takesWrites) return true;
    this.#writeCheck ??= this.write(WRITE_CHECK, []).then(
      () => (this.#writeCheck = undefined),
      () => (this.#writeCheck = undefined),
    );
    await this.#writeCheck;
    return this.#takesWrites;
  }

  async isReadable(): Promise<boolean> {
    return this.read("SELECT kid FROM signing_key LIMIT 1", []).then(
      () => true,
      () => false,
    );
  }

  /**
   * Returns the SQL that would make the tables match the entities, or an empty text if they match. Ignores tables
   * without an entity, because features may create such tables.
   */
  async pendingChanges(): Promise<string> {
    // Load the ORM only here, because loading takes 250 ms and no request needs it.
    const { findPendingChanges } = await import("./orm.js");
    return findPendingChanges(await this.#dialect.loadOrmOptions(), this.#features);
  }

  /** Closes every connection. Later statements and transactions fail with {@link Closed}. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#engine.close();
  }
}

/**
 * Returns whether the statement itself caused the error. An error with the severity FATAL never comes from a statement.
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
