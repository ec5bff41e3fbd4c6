// Starts a PostgreSQL server with TLS only for the bench, so that all its CPU time belongs to the measurement.
import { execFile, spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { chmod, chown, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import pg from "pg";

const execute = promisify(execFile);

/** The folder of Debian's PostgreSQL programs. */
const ROOT = "/usr/lib/postgresql";
const [version] = existsSync(ROOT) ? readdirSync(ROOT).sort().reverse() : [];

/**
 * The settings that differ from PostgreSQL's defaults. The buffers need not hold the database of a million users,
 * because the system's page cache holds it.
 */
const SETTINGS = { ssl: "on", shared_buffers: "512MB", max_wal_size: "4GB" };

/**
 * Starts a server in `folder`, which may contain the server of an earlier run. PostgreSQL refuses to run as root, so
 * root starts it as the user `postgres`.
 * @returns null if PostgreSQL is not installed
 */
export async function startPostgres(folder, port) {
  if (version === undefined) return null;
  const program = (name) => join(ROOT, version, "bin", name);
  const runner = await findRunner();
  const data = join(folder, "data");
  if (!existsSync(data)) {
    await mkdir(folder, { recursive: true });
    await chmod(folder, 0o755);
    const [key, certificate] = ["server.key", "server.crt"].map((name) => join(folder, name));
    await execute("openssl", [
      ...[
        "req",
        "-x509",
        "-days",
        "30",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
      ],
      ...["-nodes", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
      ...["-keyout", key, "-out", certificate],
    ]);
    await chmod(key, 0o600);
    if (runner.uid !== undefined) {
      for (const name of [folder, key, certificate]) await chown(name, runner.uid, runner.gid);
    }
    const words = ["-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale"];
    await execute(program("initdb"), words, { ...runner, cwd: folder });
  }
  const settings = {
    ...SETTINGS,
    ...{ port, listen_addresses: "localhost", unix_socket_directories: folder },
    ...{ ssl_cert_file: join(folder, "server.crt"), ssl_key_file: join(folder, "server.key") },
  };
  const options = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const server = spawn(program("postgres"), ["-D", data, ...options], {
    ...runner,
    cwd: folder,
    stdio: "ignore",
  });
  const end = () => server.kill("SIGINT");
  process.once("exit", end);
  const admin = new pg.Pool({ host: folder, port, user: "postgres", database: "postgres" });
  for (let attempt = 0; ; attempt += 1) {
    const failed = await admin.query("SELECT 1").then(
      () => null,
      (error) => error,
    );
    if (failed === null) break;
    if (attempt === 300) throw failed;
    await sleep(100);
  }
  return {
    pid: server.pid,
    /** Returns the URL of a database, which is created if it is missing. */
    url: async (name) => {
      const ignoreExisting = (error) => {
        if (error.code !== "42P04") throw error;
      };
      await admin.query(`CREATE DATABASE ${name}`).catch(ignoreExisting);
      const certificate = encodeURIComponent(join(folder, "server.crt"));
      return `postgresql://postgres@localhost:${port}/${name}?sslmode=verify-full&sslrootcert=${certificate}`;
    },
    query: async (sql) => (await admin.query(sql)).rows,
    stop: async () => {
      await admin.end();
      process.off("exit", end);
      end();
      await new Promise((resolve) => server.once("exit", resolve));
    },
  };
}

async function findRunner() {
  if (process.getuid?.() !== 0) return {};
  const [uid, gid] = await Promise.all(
    ["-u", "-g"].map((kind) => execute("id", [kind, "postgres"])),
  );
  return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
}
