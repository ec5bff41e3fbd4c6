import pg from "pg";
import sqlite3 from "sqlite3";
import type { DatabaseKind } from "./databases.js";
import type { Gate } from "./gate.js";

/** Takes a lock on a gate's database. Returns the function that releases the lock. */
type Lock = (gate: Pick<Gate, "databaseUrl" | "databasePath">) => Promise<() => Promise<unknown>>;

/** Takes SQLite's only write lock. Others can still read. */
const lockSqlite: Lock = async ({ databasePath }) => {
  const database = new sqlite3.Database(databasePath);
  const run = (sql: string) =>
    new Promise<void>((resolve, reject) =>
      database.exec(sql, (error) => {
        if (error === null) resolve();
        else reject(error);
      }),
    );
  await run("BEGIN IMMEDIATE");
  return async () => {
    await run("COMMIT");
    await new Promise((resolve) => {
      database.close(resolve);
    });
  };
};

/** Returns a lock that runs these statements in a transaction of PostgreSQL. */
export const lockPostgres =
  (...statements: string[]): Lock =>
  async ({ databaseUrl }) => {
    const client = new pg.Client({ connectionString: databaseUrl });
    await client.connect();
    for (const statement of ["BEGIN", ...statements]) await client.query(statement);
    return () => client.end();
  };

/** Locks the tables of users and sessions: others can read them, but not write. */
export const LOCK_TABLES: Readonly<Record<DatabaseKind, Lock>> = {
  sqlite: lockSqlite,
  postgresql: lockPostgres(`LOCK TABLE session, "user" IN EXCLUSIVE MODE`),
};

/**
 * Locks each user and profile. A statement of PostgreSQL that changes one of them reads all others first, and then
 * waits.
 */
export const LOCK_USERS: Readonly<Record<DatabaseKind, Lock>> = {
  sqlite: lockSqlite,
  postgresql: lockPostgres(
    `SELECT id FROM "user" FOR UPDATE`,
    `SELECT user_id FROM profile FOR UPDATE`,
  ),
};

/** Locks each profile. A demotion on PostgreSQL reads first who else is an admin, and waits only when it writes. */
export const LOCK_PROFILES: Readonly<Record<DatabaseKind, Lock>> = {
  sqlite: lockSqlite,
  postgresql: lockPostgres(`SELECT user_id FROM profile FOR UPDATE`),
};

/** Counts the statements that wait for a lock of PostgreSQL. */
export async function countWaiting(gate: Gate): Promise<number> {
  const waiting = await gate.sql(
    `SELECT pid FROM pg_stat_activity
     WHERE datname = current_database() AND wait_event_type = 'Lock'`,
  );
  return waiting.length;
}
