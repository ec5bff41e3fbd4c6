import { statSync } from "node:fs";
import { WrongSettings } from "../config/problems.js";
import { secretPathOf } from "../keys/secret-key.js";

/** All permissions of group and others. */
const OTHERS = 0o077;

/**
 * Refuses files that anyone but their owner can use: SQLite's database, whose mode its -wal and -shm files take, and the
 * root secret beside it.
 * @param databaseUrl other databases than SQLite have no files here and pass
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
