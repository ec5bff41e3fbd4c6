import { execFile, type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { chmod, chown, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import pg from "pg";
import { findFreePort } from "./free-port.js";
import { describeWith } from "./programs.js";

/** The user that the programs run as, because they refuse root. */
export interface Runner {
  readonly uid?: number;
  readonly gid?: number;
}

const run = promisify(execFile);

/** The folder of Debian's PostgreSQL programs. */
const ROOT = "/usr/lib/postgresql";
const versions = existsSync(ROOT) ? readdirSync(ROOT).sort() : [];
/** The folder of the newest version, or null if none is installed. */
export const bin = versions.length === 0 ? null : join(ROOT, versions.at(-1)!, "bin");
/** `describe` if a cluster can be made; otherwise it skips the tests and says why. */
export const describeCluster = describeWith(join(bin ?? ROOT, "initdb"));

/** Returns the user to run a server as: `postgres` instead of root, otherwise the current user. */
export async function findRunner(): Promise<Runner> {
  if (process.getuid?.() !== 0) return {};
  const [uid, gid] = await Promise.all(["-u", "-g"].map((kind) => run("id", [kind, "postgres"])));
  return { uid: Number(uid?.stdout), gid: Number(gid?.stdout) };
}

/** Retries an action until it succeeds, for example while a server starts. */
export async function untilReady<Result>(action: () => Promise<Result>): Promise<Result> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await action();
    } catch (error) {
      if (attempt === 200) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

/**
 * Only the socket takes connections without TLS, and TCP those of `full`. Over TCP, `carol` needs a certificate and the
 * others a password.
 */
const HBA = `
local all all trust
hostssl all carol 127.0.0.1/32 cert
hostnossl all full 127.0.0.1/32 scram-sha-256
hostssl all all 127.0.0.1/32 scram-sha-256
`;

/** The password of every role. */
export const ROLE_PASSWORD = "hunter2";

/** A separate PostgreSQL server that requires TLS. */
export class PostgresCluster {
  readonly folder: string;
  readonly port: number;
  readonly #server: ChildProcess;
  readonly #admin: InstanceType<typeof pg.Client>;

  private constructor(
    folder: string,
    port: number,
    server: ChildProcess,
    admin: InstanceType<typeof pg.Client>,
  ) {
    this.folder = folder;
    this.port = port;
    this.#server = server;
    this.#admin = admin;
  }

  static async start(): Promise<PostgresCluster> {
    const runner = await findRunner();
    const folder = await mkdtemp(join(tmpdir(), "gate-pg-"));
    await makeCertificates(folder);
    if (runner.uid !== undefined) {
      await chown(folder, runner.uid, runner.gid!);
      await chown(join(folder, "server.key"), runner.uid, runner.gid!);
    }
    const data = join(folder, "data");
    await run(
      join(bin!, "initdb"),
      ["-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"],
      { ...runner, cwd: folder },
    );
    await writeFile(join(data, "pg_hba.conf"), HBA);
    const port = await findFreePort();
    const settings = {
      port,
      listen_addresses: "127.0.0.1",
      unix_socket_directories: folder,
      fsync: "off",
      ssl: "on",
      ssl_ca_file: join(folder, "ca.crt"),
      ssl_cert_file: join(folder, "server.crt"),
      ssl_key_file: join(folder, "server.key"),
    };
    const options = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
    const server = spawn(join(bin!, "postgres"), ["-D", data, ...options], {
      ...runner,
      cwd: folder,
      stdio: "ignore",
    });
    const admin = await untilReady(async () => {
      const client = new pg.Client({ host: folder, port, user: "postgres", database: "postgres" });
      client.on("error", () => undefined);
      await client.connect();
      return client;
    });
    return new PostgresCluster(folder, port, server, admin);
  }

  /** Runs one statement as the administrator. */
  async sql(statement: string): Promise<any[]> {
    return (await this.#admin.query(statement)).rows;
  }

  /** The path of one of the cluster's files. */
  file(name: string): string {
    return join(this.folder, name);
  }

  async stop(): Promise<void> {
    await this.#admin.end();
    // SIGQUIT stops the server without waiting for its clients.
    this.#server.kill("SIGQUIT");
    await once(this.#server, "exit");
    await rm(this.folder, { recursive: true, force: true });
  }
}

/**
 * Creates two certificate authorities. The first one signs a server's certificate for `localhost` and a client's for
 * `carol`.
 */
async function makeCertificates(folder: string): Promise<void> {
  const openssl = (...parameters: string[]) => run("openssl", parameters, { cwd: folder });
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const make = (name: string, subject: string, ...more: string[]) =>
    openssl(
      ...["req", "-x509", "-days", "2", ...key, "-subj", `/CN=${subject}`],
      ...["-keyout", `${name}.key`, "-out", `${name}.crt`, ...more],
    );
  await make("ca", "Test authority");
  const byAuthority = ["-CA", "ca.crt", "-CAkey", "ca.key", "-addext"];
  await make("server", "localhost", ...byAuthority, "subjectAltName=DNS:localhost");
  await make("carol", "carol", ...byAuthority, "extendedKeyUsage=clientAuth");
  await make("other", "Another authority");
  for (const name of ["server", "carol"]) await chmod(join(folder, `${name}.key`), 0o600);
}
