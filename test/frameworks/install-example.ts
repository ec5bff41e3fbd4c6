import type { ChildProcess } from "node:child_process";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT } from "../support/command.js";
import { runNode, startNode, waitForLine } from "../support/node-process.js";
import { npm, TARBALL } from "../installed/app.js";
import { copyCompiledSqlite } from "../installed/install.mjs";

export const PASSWORD = "correct horse battery staple";
export const BOB_EMAIL = "bob@example.com";

/** An example of `examples/`, installed from the packed package with a separate dependency tree. */
export class InstalledExample {
  readonly folder: string;
  #child: ChildProcess | undefined;
  #ended: Promise<{ code: number | null; stderr: string }> | undefined;
  #secret = "";
  /** The program that the script `start` runs. */
  readonly program: string;
  url = "";

  constructor(folder: string, program: string) {
    this.folder = folder;
    this.program = program;
  }

  /** Runs one of the example's programs. From this process's environment only PATH is added. */
  run(parameters: readonly string[], env: Record<string, string>, input = "") {
    return runNode(parameters, { cwd: this.folder, env, input, timeout: 300_000 });
  }

  /** Runs the installed command `gatehouse` with {@link PASSWORD} on its standard input. */
  async gatehouse(...parameters: string[]): Promise<string> {
    const cli = "node_modules/graphql-gatehouse/dist/cli.js";
    const { code, stdout, stderr } = await this.run([cli, ...parameters], this.env, PASSWORD);
    if (code !== 0) throw new Error(stderr);
    return stdout.trim();
  }

  /** The environment without `DATABASE_URL`, because the example and the command must choose the same database. */
  get env(): Record<string, string> {
    return {
      SECRET_KEY: this.#secret,
      PORT: "0",
      NODE_ENV: "production",
    };
  }

  async createUsers(): Promise<void> {
    this.#secret = await this.gatehouse("generate-secret");
    await this.gatehouse("migrate", "--create");
    await this.gatehouse("create-user", "ada", "--role", "admin", "--password-stdin");
    await this.gatehouse("create-user", "bob", "--email", BOB_EMAIL, "--password-stdin");
  }

  async start(): Promise<void> {
    const { child, ended } = startNode([this.program], {
      cwd: this.folder,
      env: this.env,
      timeout: 1_800_000,
    });
    this.#child = child;
    this.#ended = ended;
    [, this.url = ""] = await waitForLine(child, /^Ready at (\S+)$/m);
  }

  /** Sends SIGTERM, and returns how the process ended. */
  async stop(): Promise<{ code: number | null; stderr: string }> {
    this.#child?.kill("SIGTERM");
    if (this.#ended === undefined) throw new Error("The example was not started.");
    return this.#ended;
  }

  async remove(): Promise<void> {
    this.#child?.kill("SIGKILL");
    await this.#ended;
    await rm(this.folder, { recursive: true, force: true });
  }
}

/**
 * Installs an example into a new folder, and runs its script `build` if it has one.
 * @param bundler an option of `next build`
 */
export async function installExample(name: string, bundler = ""): Promise<InstalledExample> {
  const folder = await mkdtemp(join(tmpdir(), `gatehouse-${name}-`));
  await cp(join(ROOT, "examples", name), folder, {
    recursive: true,
    filter: (path) => !/\/(node_modules|dist|\.next|data)$/.test(path),
  });
  const manifest = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
  manifest.dependencies["graphql-gatehouse"] = `file:${TARBALL}`;
  manifest.scripts.build = manifest.scripts.build?.replace("next build", `$& ${bundler}`);
  await writeFile(join(folder, "package.json"), JSON.stringify(manifest));
  const { code, stderr } = await npm(["install", "--no-audit", "--prefer-offline"], folder);
  if (code !== 0) throw new Error(stderr);
  await copyCompiledSqlite(folder);
  if (manifest.scripts.build !== undefined) {
    const built = await npm(["run", "build"], folder);
    // Compilers print their errors on the standard output.
    if (built.code !== 0) throw new Error(built.stdout + built.stderr);
  }
  return new InstalledExample(folder, manifest.scripts.start.replace(/^node /, ""));
}
