import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { copyCompiledSqlite, NPM_ENV } from "../installed/install.mjs";
import { ROOT } from "../support/command.js";

const run = promisify(execFile);

/** Returns the last commit without the newest migration, unless the variable PREVIOUS names another one. */
async function findPrevious(): Promise<string> {
  const newest = ["log", "-1", "--diff-filter=A", "--format=%H^", "--", "src/database/migrations"];
  const name = process.env["PREVIOUS"] ?? (await run("git", newest, { cwd: ROOT })).stdout.trim();
  return (await run("git", ["rev-parse", "--verify", name], { cwd: ROOT })).stdout.trim();
}

/**
 * Builds the version before this one with its own packages, once, and keeps it in the folder for temporary files.
 * @returns the path of its command
 */
export async function buildPrevious(): Promise<string> {
  const previous = await findPrevious();
  const folder = join(tmpdir(), `gatehouse-${previous}`);
  const finished = join(folder, "finished");
  if (!existsSync(finished)) {
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    const archive = join(folder, "archive.tar");
    await run("git", ["archive", "--output", archive, previous], { cwd: ROOT });
    await run("tar", ["-xf", archive], { cwd: folder });
    await run("npm", ["ci"], { cwd: folder, env: NPM_ENV });
    await copyCompiledSqlite(folder);
    await run(process.execPath, ["scripts/build.mjs"], { cwd: folder });
    await writeFile(finished, "");
  }
  return join(folder, "dist/cli.js");
}
