import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { chmod, chown, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findFreePort } from "./free-port.js";
import { POSTGRES_URL, runPostgres } from "./postgresql.js";
import { findRunner, untilReady } from "./postgresql-cluster.js";
import { describeWith } from "./programs.js";

const PROGRAM = "/usr/sbin/pgbouncer";
/** The configuration that Debian's package installs. */
const DEFAULTS = "/etc/pgbouncer/pgbouncer.ini";

/** `describe` if PgBouncer is installed; otherwise it skips the tests and says why. */
export const describePgBouncer = describeWith(PROGRAM);

/** PgBouncer in transaction mode in front of the tests' server. By default, the other settings are Debian's. */
export class PgBouncer {
  readonly #process: ChildProcess;
  readonly #folder: string;
  readonly #port: number;

  private constructor(child: ChildProcess, folder: string, port: number) {
    this.#process = child;
    this.#folder = folder;
    this.#port = port;
  }

  /**
   * @param file a configuration, in which paths and the address are replaced
   * @param target the URL of the server
   */
  static async start(file = DEFAULTS, target = POSTGRES_URL): Promise<PgBouncer> {
    const runner = await findRunner();
    const folder = await mkdtemp(join(tmpdir(), "gate-bouncer-"));
    const port = await findFreePort();
    const path = (name: string) => join(folder, name);
    const { hostname, port: serverPort, username, password } = new URL(target);
    const ours = {
      logfile: path("log"),
      pidfile: path("pid"),
      unix_socket_dir: folder,
      auth_file: path("users"),
      listen_addr: "127.0.0.1",
      listen_port: port,
      pool_mode: "transaction",
    };
    const kept = readFileSync(file, "utf8")
      .split("\n")
      .filter((line) => !Object.keys(ours).some((name) => line.startsWith(`${name} =`)));
    const server = `* = host=${hostname} port=${serverPort || 5432}`;
    const lines = kept.flatMap((line) => {
      if (line === "[databases]") return [line, server];
      if (line !== "[pgbouncer]") return [line];
      return [line, ...Object.entries(ours).map(([name, value]) => `${name} = ${value}`)];
    });
    await writeFile(path("ini"), lines.join("\n"));
    const users = `"${decodeURIComponent(username)}" "${decodeURIComponent(password) || PASSWORD}"\n`;
    await writeFile(path("users"), users);
    if (runner.uid !== undefined) await chown(folder, runner.uid, runner.gid!);
    await chmod(folder, 0o755);
    const child = spawn(PROGRAM, [path("ini")], { ...runner, cwd: folder, stdio: "ignore" });
    const bouncer = new PgBouncer(child, folder, port);
    await untilReady(() => runPostgres(bouncer.urlOf(target), "SELECT 1"));
    return bouncer;
  }

  /** Returns the URL that reaches a database through PgBouncer. */
  urlOf(url: string): string {
    const { username, password, pathname } = new URL(url);
    return `postgresql://${username}:${password || PASSWORD}@127.0.0.1:${this.#port}${pathname}`;
  }

  async stop(): Promise<void> {
    this.#process.kill("SIGTERM");
    await once(this.#process, "exit");
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** Any password works: PgBouncer asks for one by default, but the tests' server does not. */
const PASSWORD = "pooled";
