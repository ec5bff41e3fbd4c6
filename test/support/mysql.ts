import { randomBytes } from "node:crypto";
import { createConnection } from "mysql2/promise";

/** A server of MySQL or MariaDB for tests. */
const MYSQL_URL = process.env["MYSQL_URL"] ?? "mysql://root@127.0.0.1:3306";

/** Returns why MySQL cannot be used, or null if it can. */
export async function findMysqlFault(): Promise<string | null> {
  return runMysql(MYSQL_URL, "SELECT 1").then(
    () => null,
    (error: unknown) => (error as { code?: string }).code ?? String(error),
  );
}

/** Runs one statement on a separate connection. */
export async function runMysql(
  uri: string,
  sql: string,
  parameters: unknown[] = [],
): Promise<any[]> {
  const connection = await createConnection({ uri, connectTimeout: 5000 });
  try {
    const [rows] = await connection.query(sql, parameters);
    return Array.isArray(rows) ? rows : [];
  } finally {
    await connection.end();
  }
}

/** Creates an empty database, which `drop` removes. */
export async function createMysqlDatabase(): Promise<{ url: string; drop: () => Promise<void> }> {
  const name = `gate_${randomBytes(6).toString("hex")}`;
  await runMysql(MYSQL_URL, `CREATE DATABASE ${name} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`);
  return {
    url: `${MYSQL_URL}/${name}`,
    drop: async () => {
      await runMysql(MYSQL_URL, `DROP DATABASE ${name}`);
    },
  };
}
