import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { copyCompiledSqlite, NPM_ENV } from "../installed/install.mjs";
import { ROOT } from "../support/command.js";

const run = promisify(execFile);

/** The commit of the previous version, whose servers may run beside this version's. Change it with each release. */
const PREVIOUS = "1bae2e2313db9bb349fa02239554756130d6259c";

/**
 * Builds the previous version with its own packages. The build is kept in the folder for temporary files, and is made
 * once.
 * @returns the path of its command
 */
export async function buildPrevious(): Promise<string> {
  const folder = join(tmpdir(), `gatehouse-${PREVIOUS}`);
  const finished = join(folder, "finished");
  if (!existsSync(finished)) {
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    const archive = join(folder, "archive.tar");
    await run("git", ["archive", "--output", archive, PREVIOUS], { cwd: ROOT });
    await run("tar", ["-xf", archive], { cwd: folder });
    await run("npm", ["ci"], { cwd: folder, env: NPM_ENV });
    await copyCompiledSqlite(folder);
    await run(process.execPath, ["scripts/build.mjs"], { cwd: folder });
    await writeFile(finished, "");
  }
  return join(folder, "dist/cli.js");
}
