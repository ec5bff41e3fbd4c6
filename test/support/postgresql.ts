import pg from "pg";

/** The server that tests make their databases on. */
export const POSTGRES_URL =
  process.env["TEST_POSTGRES_URL"] ?? "postgresql://postgres@127.0.0.1:5432/postgres";

/** Runs one statement, with `?` for its parameters, over a connection of its own. */
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

/** Why PostgreSQL cannot be used, or null where it can. */
export async function findPostgresFault(): Promise<string | null> {
  return runPostgres(POSTGRES_URL, "SELECT 1").then(
    () => null,
    (error: unknown) => (error as { code?: string }).code ?? String(error),
  );
}
