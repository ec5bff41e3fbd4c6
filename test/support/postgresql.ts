import { randomBytes } from "node:crypto";
import pg from "pg";
import { POSTGRES_URL } from "./drop-databases.mjs";

export { POSTGRES_URL };

/** Runs one statement, with `?` for its parameters, on a separate connection. */
export async function runPostgres(
  url: string,
  sql: string,
  parameters: unknown[] = [],
): Promise<any[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5000 });
  await client.connect();
  try {
    let count = 0;
    const numbered = parameters.length === 0 ? sql : sql.replaceAll("?", () => `$${(count += 1)}`);
    return (await client.query(numbered, parameters)).rows;
  } finally {
    await client.end();
  }
}

/** Returns why PostgreSQL cannot be used, or null if it can. */
export async function findPostgresFault(): Promise<string | null> {
  return runPostgres(POSTGRES_URL, "SELECT 1").then(
    () => null,
    (error: unknown) => (error as { code?: string }).code ?? String(error),
  );
}

/** The prefix of this worker's database names. One worker runs one test file at a time. */
const PREFIX = `gate_${process.env["TEST_RUN"]}_${process.env["JEST_WORKER_ID"]}_`;

/** The rest of a statement about the other connections to the database. */
export const OTHER_CONNECTIONS = `FROM pg_stat_activity
  WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()`;

/** Ends other connections, and empties the schema. */
const EMPTY = `
  SELECT pg_terminate_backend(pid) ${OTHER_CONNECTIONS};
  DO $$ DECLARE schema_name text; BEGIN
    FOR schema_name IN SELECT nspname FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema$)'
    LOOP EXECUTE format('DROP SCHEMA %I CASCADE', schema_name); END LOOP;
  END $$;
  CREATE SCHEMA public;`;

let unused: Promise<string[]> | undefined;

/**
 * Returns the URL of an empty database that no other test uses until `release`. Databases are reused within a run of
 * Jest, because creating and dropping one takes longer than most tests. They are dropped when the run ends.
 */
export async function takePostgresDatabase(): Promise<{ url: string; release: () => void }> {
  const names = await (unused ??= findDatabases());
  const name = names.pop() ?? (await createDatabase());
  const url = Object.assign(new URL(POSTGRES_URL), { pathname: `/${name}` }).href;
  await runPostgres(url, EMPTY);
  return { url, release: () => names.push(name) };
}

/** Finds the databases that this worker created for earlier test files. */
async function findDatabases(): Promise<string[]> {
  const rows = await runPostgres(
    POSTGRES_URL,
    "SELECT datname AS name FROM pg_database WHERE starts_with(datname, ?)",
    [PREFIX],
  );
  return rows.map(({ name }) => name);
}

async function createDatabase(): Promise<string> {
  const name = `${PREFIX}${randomBytes(4).toString("hex")}`;
  await runPostgres(POSTGRES_URL, `CREATE DATABASE ${name}`);
  // PostgreSQL need not wait for the disk, because a test's data need not survive a power failure.
  await runPostgres(POSTGRES_URL, `ALTER DATABASE ${name} SET synchronous_commit = off`);
  return name;
}
