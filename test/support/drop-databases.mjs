import pg from "pg";

/** The server that tests create their databases on. */
export const POSTGRES_URL =
  process.env["TEST_POSTGRES_URL"] ?? "postgresql://postgres@127.0.0.1:5432/postgres";

/** Drops the PostgreSQL databases of this run. Jest calls it once, when all tests have ended. */
export default async function dropDatabases() {
  const client = new pg.Client({ connectionString: POSTGRES_URL, connectionTimeoutMillis: 5000 });
  try {
    await client.connect();
  } catch {
    // PostgreSQL cannot be reached, so its tests were skipped.
    return;
  }
  const { rows } = await client.query(
    "SELECT datname AS name FROM pg_database WHERE starts_with(datname, $1)",
    [`gate_${process.env["TEST_RUN"]}_`],
  );
  for (const { name } of rows) await client.query(`DROP DATABASE ${name} WITH (FORCE)`);
  await client.end();
}
