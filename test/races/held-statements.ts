import { AsyncLocalStorage } from "node:async_hooks";
import { createHash } from "node:crypto";
import pg from "pg";
import sqlite3 from "sqlite3";

/** The tables that several operations use. Statements on other tables are not held. */
const TABLES = /\b(session|user|profile)\b/g;
const WRITES = /^\s*(?:WITH .*?\)\s+)?(INSERT|UPDATE|DELETE)(?: INTO| FROM)? "?(\w+)/s;
const ENDS = /^(COMMIT|ROLLBACK)/;

/** The tables that a step reads, locks and publishes. The lock of exclusive transactions counts as a table. */
export interface Effect {
  /** The tables whose committed rows the step reads. */
  readonly reads: Set<string>;
  /** The tables whose rows the step locks. */
  readonly locks: Set<string>;
  /** The tables whose changes and locks the step commits or rolls back. */
  readonly publishes: Set<string>;
}

interface Statement {
  readonly name: string;
  readonly reads: Set<string>;
  /** The table that the statement writes, or nothing if it only reads. */
  readonly writes: Set<string>;
}

/** Parses a statement. Returns null if no other operation can notice it. */
function parse(text: string): Statement | null {
  if (text.includes("FROM mikro_orm_migrations")) {
    return { name: "LOCK", reads: new Set(["lock"]), writes: new Set(["lock"]) };
  }
  const reads = new Set(text.match(TABLES));
  if (reads.size === 0) return null;
  const [, verb = "SELECT", table] = WRITES.exec(text) ?? [];
  const writes = new Set(table === undefined ? [] : [table]);
  return { name: `${verb} ${table ?? [...reads].join(", ")}`, reads, writes };
}

/** The error of a statement whose connection was cut. */
class Cut extends Error {
  readonly code = "CUT";
}

/**
 * An operation whose statements are held. Each one waits for {@link Operation.go} or {@link Operation.cut}. On
 * PostgreSQL, a statement that writes outside a transaction is held again before its commit. On SQLite, a whole
 * transaction is held once, because no other operation notices it before its commit.
 */
export class Operation {
  /** Runs when the operation is held or has ended. */
  onChange: () => void = () => undefined;
  /** Whether a statement is held. */
  isHeld = false;
  /** Whether the next statement takes the lock of exclusive transactions. */
  wantsLock = false;
  hasLock = false;
  hasStarted = false;
  hasEnded = false;
  /** Whether the connection was cut. If so, no later statement runs. */
  isCut = false;
  /** A digest of its statements and their results, which decide what it does next. */
  history = "";
  /** The process of PostgreSQL that runs the current statement. */
  pid: number | undefined;
  /** The tables that the open transaction has written, or null outside a transaction. */
  #written: Set<string> | null = null;
  /** The table that the running statement writes. */
  #writing = new Set<string>();
  #last: Promise<unknown> = Promise.resolve();
  #isFree = false;
  #resume: () => void = () => undefined;
  #done: string[] = [];
  #effect: Effect = noEffect();

  start(run: () => Promise<unknown>): void {
    this.hasStarted = true;
    void current.run(this, run).finally(() => {
      this.hasEnded = true;
      this.onChange();
    });
  }

  /** Runs the held statement. */
  go(): void {
    this.#release();
  }

  /** Cuts the connection before the held statement. */
  cut(): void {
    this.isCut = true;
    this.#release();
  }

  /** Runs the held statement and all later ones. */
  free(): void {
    this.#isFree = true;
    this.#release();
  }

  /** Returns what the operation has done since the last call. */
  takeStep(): { effect: Effect; text: string } {
    if (this.#writing.size > 0) {
      this.#record("", { locks: this.#writing });
    }
    const step = { effect: this.#effect, text: this.#done.join(", ") };
    this.#effect = noEffect();
    this.#done = [];
    return step;
  }

  onPostgres(connection: Connection, text: string): Promise<unknown> {
    return this.#inTurn(text, async () => {
      const { pid, send } = connection;
      if (text.startsWith("BEGIN")) {
        this.#written = new Set();
        return send();
      }
      const written = this.#written;
      if (written !== null && ENDS.test(text)) {
        this.#written = null;
        return this.#end(connection, text, written, send);
      }
      if (this.isCut) throw new Cut();
      const statement = parse(text);
      if (statement === null) return this.#send(pid, send);
      const { name, reads, writes } = statement;
      if (await this.#hold(name)) return this.#end(connection, "", written ?? new Set(), send);
      this.#record(name, { reads });
      if (written === null && writes.size > 0) return this.#commit(connection, text, writes);
      const result = await this.#write(connection, text, writes);
      for (const table of writes) written?.add(table);
      this.hasLock ||= writes.has("lock");
      return result;
    });
  }

  /**
   * Sends a statement that writes. It counts as a lock only if it has locked a row, because otherwise no other
   * operation notices it.
   */
  async #write({ pid, send }: Connection, text: string, writes: Set<string>): Promise<any> {
    this.#writing = writes;
    const sent = this.#send(pid, send).finally(() => (this.#writing = new Set()));
    const result = await this.#remember(text, sent);
    // A statement that has waited for a lock has read the row again.
    this.#record("", { reads: writes, locks: hasLocked(text, result) ? writes : new Set() });
    return result;
  }

  /** Runs a single statement in a transaction, so that its commit is a step too. */
  async #commit(connection: Connection, text: string, writes: Set<string>): Promise<unknown> {
    await connection.sendText("BEGIN");
    try {
      const result = await this.#write(connection, text, writes);
      const commit = () => connection.sendText("COMMIT");
      await (hasLocked(text, result) ? this.#end(connection, "COMMIT", writes, commit) : commit());
      return result;
    } catch (error) {
      await connection.sendText("ROLLBACK").catch(() => undefined);
      throw error;
    }
  }

  /** Runs statements one after the other, although a batch sends them at the same time. */
  #inTurn(text: string, run: () => Promise<unknown>): Promise<unknown> {
    if (this.#written !== null || text.startsWith("BEGIN")) return run();
    const running = this.#last.then(run);
    this.#last = running.catch(() => undefined);
    return running;
  }

  onSqlite(text: string, send: () => Promise<unknown>): Promise<unknown> {
    return this.#inTurn(text, () => this.#runSqlite(text, send));
  }

  async #runSqlite(text: string, send: () => Promise<unknown>): Promise<unknown> {
    if (text.startsWith("BEGIN")) {
      await this.#hold("BEGIN");
      this.#written = new Set();
      return send();
    }
    if (this.#written !== null && ENDS.test(text)) {
      if (this.isCut && text === "COMMIT") throw new Cut();
      this.#written = null;
      this.#record(text, {});
      return send();
    }
    if (this.isCut && this.#written === null) throw new Cut();
    const statement = parse(text);
    if (statement === null) return send();
    const { name, reads, writes } = statement;
    if (this.#written === null && (await this.#hold(name))) throw new Cut();
    this.#record(name, { reads, publishes: writes });
    return this.#remember(text, send());
  }

  /** Ends a transaction, or cuts its connection. */
  async #end(
    connection: Connection,
    name: string,
    written: Set<string>,
    send: Send,
  ): Promise<unknown> {
    if (!this.isCut) await this.#hold(name);
    if (this.isCut) await connection.terminate();
    this.#record(this.isCut ? "" : name, { publishes: written });
    return send().finally(() => (this.hasLock = false));
  }

  async #send(pid: number, send: Send): Promise<any> {
    this.pid = pid;
    return send().finally(() => (this.pid = undefined));
  }

  /**
   * Holds a statement until it may run.
   * @returns whether the connection is cut
   */
  async #hold(name: string): Promise<boolean> {
    if (this.#isFree) return false;
    const released = new Promise<void>((resolve) => (this.#resume = resolve));
    this.isHeld = true;
    this.wantsLock = name === "LOCK";
    this.onChange();
    await released;
    return this.isCut;
  }

  #release(): void {
    this.isHeld = false;
    this.#resume();
  }

  /** Adds a statement and its result, or its error, to the history. */
  async #remember(text: string, sent: Promise<any>): Promise<any> {
    try {
      const result = await sent;
      this.history = digest([this.history, text, result.rowCount, result.rows ?? result]);
      return result;
    } catch (error) {
      this.history = digest([this.history, text, String(error)]);
      throw error;
    }
  }

  #record(name: string, { reads, locks, publishes }: Partial<Effect>): void {
    if (name !== "") this.#done.push(name);
    for (const table of reads ?? []) this.#effect.reads.add(table);
    for (const table of locks ?? []) this.#effect.locks.add(table);
    for (const table of publishes ?? []) this.#effect.publishes.add(table);
  }
}

export function digest(value: unknown): string {
  return createHash("sha1").update(JSON.stringify(value)).digest("base64");
}

/** Returns whether a statement has locked rows. The lock of exclusive transactions counts as a row. */
function hasLocked(text: string, { rowCount }: { rowCount: number }): boolean {
  return rowCount > 0 || text.includes("FOR UPDATE");
}

/** Returns an effect that includes all of these. */
export function merge(effects: readonly Effect[]): Effect {
  const union = (name: keyof Effect) => new Set(effects.flatMap((effect) => [...effect[name]]));
  return { reads: union("reads"), locks: union("locks"), publishes: union("publishes") };
}

const noEffect = (): Effect => ({ reads: new Set(), locks: new Set(), publishes: new Set() });

type Send = () => Promise<any>;

interface Connection {
  readonly pid: number;
  /** Sends the statement. */
  readonly send: Send;
  sendText(text: string): Promise<unknown>;
  terminate(): Promise<unknown>;
}

const current = new AsyncLocalStorage<Operation>();

/** The number of calls of the drivers that have no answer yet. */
let inFlight = 0;

/** Returns how many calls of the drivers have no answer yet. Without one, only timers can continue an operation. */
export function countCalls(): number {
  return inFlight;
}

type Method = (this: any, ...parameters: any[]) => any;

/** Replaces a method. @returns a function that restores it */
function replace(prototype: any, name: string, wrap: (original: Method) => Method): () => void {
  const original: Method = prototype[name];
  prototype[name] = wrap(original);
  return () => (prototype[name] = original);
}

/** Counts a call as running until its callback or its promise. */
const counted = (original: Method): Method =>
  function (...parameters) {
    inFlight += 1;
    const callback = parameters.at(-1);
    if (typeof callback !== "function") {
      return original.apply(this, parameters).finally(() => (inFlight -= 1));
    }
    const done = (...results: unknown[]) => {
      inFlight -= 1;
      callback(...results);
    };
    return original.apply(this, [...parameters.slice(0, -1), done]);
  };

/** Holds the statements that operations send by `pg`. */
const heldOnPostgres = (query: Method, terminate: (pid: number) => Promise<unknown>): Method =>
  function (given, ...rest) {
    const operation = current.getStore();
    if (operation === undefined || operation.hasEnded || typeof given?.text !== "string") {
      return query.call(this, given, ...rest);
    }
    const pid: number = this.processID;
    return operation.onPostgres(
      {
        pid,
        send: () => query.call(this, given),
        sendText: (text) => query.call(this, text),
        terminate: () => terminate(pid),
      },
      given.text.trim(),
    );
  };

/** Holds the statements that operations run by `sqlite3`. */
const heldOnSqlite = (all: Method): Method =>
  function (parameters, done) {
    const operation = current.getStore();
    if (operation === undefined || operation.hasEnded) return all.call(this, parameters, done);
    const send = () =>
      new Promise((resolve, reject) => {
        all.call(this, parameters, (error: Error | null, rows: unknown) => {
          if (error === null) resolve(rows);
          else reject(error);
        });
      });
    operation.onSqlite(this.sql.trim(), send).then(
      (rows) => done(null, rows),
      (error: unknown) => done(error, []),
    );
    return this;
  };

/**
 * Holds the statements of operations, and no others, until the returned function is called. A timer may run after the
 * operation that started it has ended, for example to store the audit trail. Its statements are not held.
 * @param terminate ends the connection that a process of PostgreSQL serves
 */
export function holdStatements(terminate: (pid: number) => Promise<unknown>): () => void {
  const restore = [
    replace(pg.Client.prototype, "connect", counted),
    replace(sqlite3.Database.prototype, "prepare", counted),
    replace(sqlite3.Statement.prototype, "finalize", counted),
    replace(pg.Client.prototype, "query", (query) => heldOnPostgres(counted(query), terminate)),
    replace(sqlite3.Statement.prototype, "all", (all) => heldOnSqlite(counted(all))),
  ];
  return () => {
    for (const undo of restore) undo();
  };
}
