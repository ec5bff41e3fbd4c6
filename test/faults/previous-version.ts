import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { copyCompiledSqlite, NPM_ENV } from "../installed/install.mjs";
import { ROOT } from "../support/command.js";

const run = promisify(execFile);

/** Returns the last commit before the day of the newest migration, unless the variable PREVIOUS names another one. */
async function findPrevious(): Promise<string> {
  const git = async (...args: string[]) => (await run("git", args, { cwd: ROOT })).stdout.trim();
  const given = process.env["PREVIOUS"];
  if (given !== undefined) return git("rev-parse", "--verify", given);
  const names = await readdir(join(ROOT, "src/database/migrations"));
  const [newest = ""] = names
    .filter((name) => /^\d/.test(name))
    .toSorted()
    .slice(-1);
  return git("rev-list", "-1", `--before=${newest.slice(0, 10)}T00:00Z`, "HEAD");
}

/**
 * Builds the previous version with its own packages. The build is kept in the folder for temporary files, and is made
 * once.
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
