import { readdir, readlink } from "node:fs/promises";
import sqlite3 from "sqlite3";

/** Runs one statement on a database file, on a separate connection. */
export function runSql(path: string, sql: string, parameters: unknown[] = []): Promise<any[]> {
  return new Promise((resolve, reject) => {
    const database = new sqlite3.Database(path);
    database.configure("busyTimeout", 5000);
    database.all(sql, parameters, (error: Error | null, rows: unknown[]) => {
      database.close(() => {
        if (error === null) resolve(rows);
        else reject(error);
      });
    });
  });
}

/** Returns which files of a database this process has open. Only Linux can tell. */
export async function findOpenFiles(path: string): Promise<string[]> {
  const folder = "/proc/self/fd";
  const names = await readdir(folder).catch(() => []);
  const targets = await Promise.all(
    names.map((name) => readlink(`${folder}/${name}`).catch(() => "")),
  );
  return targets.filter((target) => target.startsWith(path));
}
