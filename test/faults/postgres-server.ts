import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { chown, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { findFreePort } from "../support/free-port.js";
import { runPostgres } from "../support/postgresql.js";
import { bin, findRunner, type Runner, untilReady } from "../support/postgresql-cluster.js";

const run = promisify(execFile);

/** A separate PostgreSQL server, which a test can stop, kill and start again. */
export class PostgresServer {
  readonly folder: string;
  readonly port: number;
  readonly #runner: Runner;
  readonly #settings: Readonly<Record<string, string>>;
  #process: ChildProcess | undefined;

  private constructor(
    folder: string,
    port: number,
    runner: Runner,
    settings: Readonly<Record<string, string>>,
  ) {
    this.folder = folder;
    this.port = port;
    this.#runner = runner;
    this.#settings = settings;
  }

  /** Starts an empty server. @param settings those of postgresql.conf */
  static async start(settings: Readonly<Record<string, string>> = {}): Promise<PostgresServer> {
    const server = await PostgresServer.#create(settings);
    const access = ["-U", "postgres", "-A", "trust", "-E", "UTF8"];
    await server.#run("initdb", ["-D", "data", ...access]);
    await server.restart();
    return server;
  }

  /** Starts a streaming replica of a server. */
  static async follow({ port }: PostgresServer): Promise<PostgresServer> {
    const replica = await PostgresServer.#create({});
    const from = ["-h", "127.0.0.1", "-p", String(port), "-U", "postgres"];
    const copy = ["-D", "data", "--write-recovery-conf", "--checkpoint=fast"];
    await replica.#run("pg_basebackup", [...from, ...copy]);
    await replica.restart();
    return replica;
  }

  static async #create(settings: Readonly<Record<string, string>>): Promise<PostgresServer> {
    const runner = await findRunner();
    const folder = await mkdtemp(join(tmpdir(), "gate-postgres-"));
    if (runner.uid !== undefined) await chown(folder, runner.uid, runner.gid!);
    return new PostgresServer(folder, await findFreePort(), runner, settings);
  }

  get url(): string {
    return `postgresql://postgres@127.0.0.1:${this.port}/postgres`;
  }

  /** Runs one statement. */
  sql(statement: string): Promise<any[]> {
    return runPostgres(this.url, statement);
  }

  /** Starts the server again after {@link PostgresServer.end} or {@link PostgresServer.kill}. */
  async restart(): Promise<void> {
    const settings = {
      port: String(this.port),
      listen_addresses: "127.0.0.1",
      unix_socket_directories: this.folder,
      ...this.#settings,
    };
    const options = Object.entries(settings).flatMap(([key, value]) => ["-c", `${key}=${value}`]);
    this.#process = spawn(join(bin!, "postgres"), ["-D", "data", ...options], {
      ...this.#runner,
      cwd: this.folder,
      stdio: "ignore",
    });
    await untilReady(() => this.sql("SELECT 1"));
  }

  /** Stops the server as `pg_ctl stop -m fast` does. */
  async end(): Promise<void> {
    await this.#stop("SIGINT");
  }

  /** Kills the server with all its processes. */
  async kill(): Promise<void> {
    const { pid } = this.#process!;
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8");
    const ended = this.#stop("SIGKILL");
    for (const child of children.trim().split(" ")) kill(Number(child));
    await ended;
  }

  async stop(): Promise<void> {
    await this.#stop("SIGQUIT");
    await rm(this.folder, { recursive: true, force: true });
  }

  async #stop(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child?.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    await once(child, "exit");
  }

  async #run(program: string, parameters: string[]): Promise<void> {
    await run(join(bin!, program), parameters, { ...this.#runner, cwd: this.folder });
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // The process has ended already.
  }
}
