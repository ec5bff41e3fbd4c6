import { accessSync, constants, existsSync, statSync } from "node:fs";
import { sqlitePathOf } from "../config/database-location.js";
import { type Problem, WrongSettings } from "../config/problems.js";
import { createPrivateFile } from "../keys/private-file.js";
import { secretPathOf } from "../keys/secret-key.js";

// Never open an existing database file here; only SQLite may do so. A process that closes any descriptor of a file
// loses all its locks on the file. Without these locks, another process could damage the database.
// @see https://www.sqlite.org/howtocorrupt.html 2.2

/**
 * Requires that the database file can be read and written. With `create`, creates a missing file, which only its owner
 * can access.
 * @throws Error if the file is missing or cannot be used. The message is one line with the path.
 */
export function prepareDatabaseFile(path: string, { create }: { create: boolean }): void {
  if (!create) requireDatabaseFile(path);
  try {
    if (!existsSync(path)) createPrivateFile(path, "");
    accessSync(path, constants.R_OK | constants.W_OK);
  } catch (error) {
    const { code = "unknown error" } = error as NodeJS.ErrnoException;
    throw new Error(`The database file ${path} cannot be created or written (${code}).`, {
      cause: error,
    });
  }
}

/** @throws Error if the file does not exist. The message says how to create the file. */
export function requireDatabaseFile(path: string): void {
  if (existsSync(path)) return;
  throw new Error(`The database file ${path} does not exist. ${HOW_TO_CREATE}`);
}

export const HOW_TO_CREATE =
  "Check the path. If the database is new, create it with `gatehouse migrate --create`, or with the option createDatabase.";

const GROUP = 0o070;
const OTHERS = 0o007;

/**
 * Requires that only the owner can access SQLite's files and the root secret beside them.
 * @param databaseUrl the URL of any database. Only SQLite has files to check.
 * @param allowsGroup whether the group of the files may access them, too
 * @throws TypeError with one line for each file that needs another mode
 */
export function requirePrivateFiles(databaseUrl: string, allowsGroup: boolean): void {
  const path = sqlitePathOf(databaseUrl);
  if (path === null) return;
  const find = (names: string[]) => names.flatMap((name) => findProblem(name, allowsGroup) ?? []);
  const problems = find([path, secretPathOf(databaseUrl)]);
  // SQLite gives its -wal and -shm files the mode of the database file. If that mode is wrong, report it only once.
  if (problems.length === 0) problems.push(...find([`${path}-wal`, `${path}-shm`]));
  if (problems.length > 0) throw new WrongSettings(problems);
}

function findProblem(name: string, allowsGroup: boolean): Problem | undefined {
  const mode = statSync(name, { throwIfNoEntry: false })?.mode ?? 0;
  const option = "databaseUrl";
  if ((mode & OTHERS) !== 0) {
    return {
      option,
      message: `others can access ${name}; run chmod ${allowsGroup ? 660 : 600} on it`,
    };
  }
  if (allowsGroup || (mode & GROUP) === 0) return undefined;
  const start = `the group can access ${name}; run chmod 600 on it, or set`;
  const end = "if the platform gives the group access to the volume";
  return {
    option,
    message: {
      option: `${start} databaseGroupAccess: true ${end}`,
      variable: `${start} DATABASE_GROUP_ACCESS=on ${end}`,
    },
  };
}
