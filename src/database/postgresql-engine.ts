import { createHash } from "node:crypto";
import type { Client } from "pg";
import type { Pool } from "tarn";
import {
  countConnections,
  type Engine,
  READ_TIMEOUT,
  type Run,
  type Transact,
  withConnection,
  withTransaction,
  WRITE_TIMEOUT,
} from "./engine.js";
import type { PostgresConnections, PostgresQuery } from "./postgresql-connections.js";
import { codeOf } from "./postgresql-fault.js";

/** How long PostgreSQL lets a statement run, including waits for locks, in milliseconds. `COMMIT` has no limit. */
export const SERVER_TIMEOUT = 4000;

/**
 * How much earlier PostgreSQL gives up a write than Gatehouse does, in milliseconds. Otherwise a write could still
 * succeed after Gatehouse has refused its request.
 */
const MARGIN = 500;

const FOREIGN_KEY_VIOLATION = "23503";

/**
 * Locks the row of the oldest migration until the transaction ends, so that only one exclusive transaction runs at a
 * time. An advisory lock would do the same, but some PostgreSQL-compatible databases do not support it.
 */
const LOCK = "SELECT id FROM mikro_orm_migrations ORDER BY id LIMIT 1 FOR UPDATE";

const CREATE_MIGRATION_TABLE = `create table if not exists "mikro_orm_migrations" ("id" serial primary key, "name" varchar(255), "executed_at" timestamptz default CURRENT_TIMESTAMP)`;

/** The error codes when another process has just created the same table. */
const TABLE_EXISTS = ["42P07", "23505"];

/**
 * The statements that begin a transaction without a time limit. They still limit each wait for a table's lock, because
 * other statements on the table queue up behind the waiting statement.
 */
const BEGIN_LONG = [
  "BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0",
  CREATE_MIGRATION_TABLE,
  LOCK,
  `SET LOCAL lock_timeout = ${SERVER_TIMEOUT}`,
];

const READ_TIME = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS time";

/** @param server `isLimited` says whether PostgreSQL ends each statement within {@link SERVER_TIMEOUT} */
export function createEngine(
  pool: Pool<Client>,
  connections: PostgresConnections,
  {
    isPooled,
    isLimited,
    databasePoolSize,
  }: { isPooled: boolean; isLimited: boolean; databasePoolSize: number },
): Engine {
  const prepared = new Map<string, PostgresQuery>();
  const toQuery = (statement: string): PostgresQuery => {
    if (isPooled) return unnamed(statement);
    const query = prepared.get(statement) ?? nameStatement(statement);
    prepared.set(statement, query);
    return query;
  };
  const readAs =
    (toQuery: (statement: string) => PostgresQuery): Run =>
    (statement, values) =>
      withConnection(pool, READ_TIMEOUT, (connection, left) =>
        connections.run(connection, toQuery(statement), values, left),
      );
  /**
   * Runs `use` in a transaction of at most `left` milliseconds. Sends nothing in the last {@link MARGIN} of this time,
   * not even `COMMIT`, so that PostgreSQL has time to answer a `COMMIT`.
   */
  const transact = <Result>(
    connection: Client,
    left: number,
    begin: readonly string[],
    use: (run: Run) => Promise<Result>,
    toQuery = unnamed,
  ) => {
    const end = performance.now() + left;
    const runAs =
      (toQuery: (statement: string) => PostgresQuery): Run =>
      (statement, values) => {
        const left = end - performance.now();
        return connections.run(connection, toQuery(statement), values, left > MARGIN ? left : 0);
      };
    return withTransaction(begin, runAs(unnamed), () => use(runAs(toQuery)));
  };
  const isEndedInTime = (left: number) => isLimited && left >= SERVER_TIMEOUT + MARGIN;
  const begin = (left: number) =>
    isEndedInTime(left)
      ? "BEGIN"
      : `BEGIN; SET LOCAL statement_timeout = ${Math.max(1, Math.floor(left - MARGIN))}`;
  const write: Run = (statement, values) =>
    withConnection(pool, WRITE_TIMEOUT, (connection, left) =>
      isEndedInTime(left)
        ? connections.run(connection, toQuery(statement), values, left)
        : transact(connection, left, [begin(left)], (run) => run(statement, values)),
    );
  const inTransaction: Transact = (use) =>
    withConnection(pool, WRITE_TIMEOUT, (connection, left) =>
      transact(connection, left, [begin(left), LOCK], use),
    );
  const read = readAs(toQuery);
  return {
    skipLocked: "FOR UPDATE SKIP LOCKED",
    forUpdate: "FOR UPDATE",
    read,
    readOnce: readAs(unnamed),
    write: againIfRowIsGone(write),
    writeExclusive: againIfRowIsGone((statement, values) =>
      inTransaction((run) => run(statement, values)),
    ),
    inTransaction,
    inSharedTransaction: (use) =>
      withConnection(pool, WRITE_TIMEOUT, (connection, left) =>
        transact(connection, left, [begin(left)], use, toQuery),
      ),
    inLongTransaction: async (use) => {
      let hasBegun = false;
      const attempt = () =>
        withConnection(pool, Infinity, (connection, left) =>
          transact(connection, left, BEGIN_LONG, (run) => {
            hasBegun = true;
            return use(run);
          }),
        );
      return attempt().catch((error: unknown) => {
        if (hasBegun || !TABLE_EXISTS.includes(codeOf(error))) throw error;
        return attempt();
      });
    },
    readTime: async () => {
      const [row] = await read<{ time: number }>(READ_TIME, []);
      return row?.time ?? Date.now();
    },
    countConnections: () => countConnections(pool, databasePoolSize),
    close: async () => {
      await pool.destroy();
    },
  };
}

/**
 * Returns a function that runs a statement, and runs it again if another process has just deleted a row that the
 * statement refers to. The second run sees that the row is gone.
 */
function againIfRowIsGone(run: Run): Run {
  return (statement, values) =>
    run<never>(statement, values).catch((error: unknown) => {
      if (codeOf(error) !== FOREIGN_KEY_VIOLATION) throw error;
      return run<never>(statement, values);
    });
}

function unnamed(statement: string): PostgresQuery {
  return { text: numberParameters(statement) };
}

/** Names a statement by its hash, because PostgreSQL finds prepared statements by name. */
function nameStatement(statement: string): PostgresQuery {
  const text = numberParameters(statement);
  return { name: createHash("sha256").update(text).digest("hex").slice(0, 32), text };
}

/** Replaces each `?` with `$1`, `$2` …, as PostgreSQL writes parameters. */
export function numberParameters(statement: string): string {
  let count = 0;
  return statement.replaceAll("?", () => `$${(count += 1)}`);
}
