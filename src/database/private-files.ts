import { statSync } from "node:fs";
import { WrongSettings } from "../config/problems.js";
import { secretPathOf } from "../keys/secret-key.js";

/** All permissions of those who are not the owner. */
const OTHERS = 0o077;

/**
 * Refuses files that others than their owner can use: SQLite's, after which it makes its -wal and -shm, and the root secret
 * kept beside them.
 * @param databaseUrl of another database than SQLite there are no files
 * @throws TypeError that lists them
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
