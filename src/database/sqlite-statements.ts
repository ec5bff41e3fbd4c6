import type sqlite3 from "sqlite3";
import type { SqlValue } from "../sql.js";
import { closeConnection } from "./sqlite-connection.js";

/**
 * Runs statements on one connection, and can keep them prepared. Call {@link SqliteStatements.finalize} before {@link
 * SqliteStatements.close}, because SQLite does not close a connection that has prepared statements.
 */
export class SqliteStatements {
  readonly #connection: sqlite3.Database;
  readonly #prepared = new Map<string, Promise<sqlite3.Statement>>();

  constructor(connection: sqlite3.Database) {
    this.#connection = connection;
  }

  /** Runs a statement, and keeps it prepared. */
  async run<Row>(statement: string, parameters: readonly SqlValue[]): Promise<Row[]> {
    return runPrepared(await this.#prepare(statement), parameters);
  }

  /** Runs a statement without keeping it prepared. */
  async runOnce<Row>(statement: string, parameters: readonly SqlValue[]): Promise<Row[]> {
    const prepared = await prepare(this.#connection, statement);
    try {
      return await runPrepared(prepared, parameters);
    } finally {
      await finalize(prepared);
    }
  }

  /** Prepares each statement only once, even if two calls need it at the same time. */
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
    return closeConnection(this.#connection);
  }
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
