import { statSync } from "node:fs";
import { WrongSettings } from "../config/problems.js";
import { secretPathOf } from "../keys/secret-key.js";

/** All permissions of group and others. */
const OTHERS = 0o077;

/**
 * Refuses to start if anyone but the owner can access SQLite's database file or the root secret beside it. The -wal and
 * -shm files take the mode of the database file.
 * @param databaseUrl any URL other than SQLite's passes, because such a database has no files here
 * @throws TypeError that lists the files
 */
export function requirePrivateFiles(databaseUrl: string): void {
  const path = /^sqlite:(.*)$/s.exec(databaseUrl)?.[1];
  if (path === undefined) return;
  const problems = [path, secretPathOf(databaseUrl)]
    .filter((name) => ((statSync(name, { throwIfNoEntry: false })?.mode ?? 0) & OTHERS) !== 0)
    .map((name) => ({
      option: "databaseUrl",
      message: `others can read ${name}; run chmod 600 on it`,
    }));
  if (problems.length > 0) throw new WrongSettings(problems);
}
