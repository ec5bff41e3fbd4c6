import type { Connection } from "mysql2/promise";
import type { ReadOnlyDatabase, TextRow } from "../../database/read-only.js";

/**
 * The statements that prepare a connection. With an empty `sql_mode`, MySQL understands the backslashes with which
 * mysql2 escapes values. The snapshot makes all queries see the same data.
 */
const BEGIN = [
  "SET SESSION sql_mode = ''",
  "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
  "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
];

/**
 * Opens a database of MySQL or MariaDB, read-only.
 * @throws Error whose message is one line without a password
 */
export async function openMysql(uri: string): Promise<ReadOnlyDatabase> {
  const { createConnection } = await import("mysql2/promise").catch((cause: unknown) => {
    throw new Error("A mysql:// database needs the package mysql2. Run npm install mysql2.", {
      cause,
    });
  });
  let connection: Connection | undefined;
  try {
    connection = await createConnection({
      uri,
      charset: "utf8mb4",
      connectTimeout: 5000,
      typeCast: (field) => field.string(),
    });
    // Without a listener, a lost connection would end the process. The running statement fails anyway.
    connection.on("error", () => undefined);
    for (const statement of BEGIN) await connection.query(statement);
    return describeConnection(connection);
  } catch (cause) {
    connection?.destroy();
    throw new Error(describeFault(cause, new URL(uri)), { cause });
  }
}

function describeConnection(connection: Connection): ReadOnlyDatabase {
  return {
    query: async (statement, parameters = []) => {
      const [rows] = await connection.query(statement, [...parameters]);
      return rows as TextRow[];
    },
    quote: (name) => `\`${name.replaceAll("`", "``")}\``,
    columnsOf: `SELECT column_name AS name FROM information_schema.columns
      WHERE table_schema = database() AND table_name = ?`,
    tablesWith: `SELECT table_name AS name FROM information_schema.columns
      WHERE table_schema = database() AND column_name = ? ORDER BY table_name`,
    close: () => connection.end(),
  };
}

function describeFault(error: unknown, { hostname, port, username, pathname }: URL): string {
  const { code = "unknown error" } = error as NodeJS.ErrnoException;
  const place = `${hostname}:${port === "" ? "3306" : port}`;
  switch (code) {
    case "ECONNREFUSED":
      return `No MySQL server listens on ${place}.`;
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return `The MySQL server's host ${hostname} is unknown.`;
    case "ETIMEDOUT":
      return `The MySQL server ${place} did not answer within 5 s.`;
    case "ER_BAD_DB_ERROR":
    case "ER_NO_DB_ERROR":
      return `The database ${decodeURIComponent(pathname.slice(1))} does not exist.`;
    case "ER_ACCESS_DENIED_ERROR":
    case "ER_ACCESS_DENIED_NO_PASSWORD_ERROR":
    case "ER_DBACCESS_DENIED_ERROR":
      return `The MySQL server refuses the user ${decodeURIComponent(username)} or its password.`;
    default:
      return `The MySQL server ${place} cannot be used (${code}).`;
  }
}
