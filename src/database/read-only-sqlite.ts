import { existsSync } from "node:fs";
import sqlite3 from "sqlite3";
import { WRITE_TIMEOUT } from "./engine.js";
import type { ReadOnlyDatabase, TextRow } from "./read-only.js";
import { openConnection } from "./sqlite-connection.js";
import { SqliteStatements } from "./sqlite-statements.js";

type Value = string | number | Buffer | null;

/**
 * Opens an SQLite file for reading. The file may belong to another application. Each statement is its own transaction,
 * so that the application can write between two statements.
 * @param path absolute
 * @throws Error if the file cannot be read. The message is one line with the path.
 */
export async function openSqliteReadOnly(path: string): Promise<ReadOnlyDatabase> {
  if (!existsSync(path)) throw new Error(`The file ${path} does not exist.`);
  const statements = new SqliteStatements(await openFile(path));
  try {
    await statements.runOnce("SELECT name FROM sqlite_master", []);
  } catch (cause) {
    await statements.close();
    throw describe(path, cause);
  }
  return {
    query: async (statement, parameters = []) => {
      const rows = await statements.run<Record<string, Value>>(statement, parameters);
      return rows.map(toText);
    },
    quote: (name) => `"${name.replaceAll('"', '""')}"`,
    columnsOf: "SELECT name FROM pragma_table_info(?)",
    tablesWith: `SELECT t.name FROM sqlite_master t JOIN pragma_table_info(t.name) c
      WHERE t.type = 'table' AND c.name = ? ORDER BY t.name`,
    close: async () => {
      await statements.finalize();
      await statements.close();
    },
  };
}

async function openFile(path: string): Promise<sqlite3.Database> {
  try {
    const database = await openConnection(path, sqlite3.OPEN_READONLY);
    database.configure("busyTimeout", WRITE_TIMEOUT);
    return database;
  } catch (cause) {
    throw describe(path, cause);
  }
}

function describe(path: string, cause: unknown): Error {
  const { code = "unknown error" } = cause as NodeJS.ErrnoException;
  const fault = code === "SQLITE_NOTADB" ? "is not an SQLite database" : `cannot be read (${code})`;
  return new Error(`The file ${path} ${fault}.`, { cause });
}

/** Converts all values except null to text, because a column of SQLite can hold values of any type. */
function toText(row: Readonly<Record<string, Value>>): TextRow {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [name, value === null ? null : value.toString()]),
  );
}
