import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { findFreePort } from "../support/free-port.js";
import { runPostgres } from "../support/postgresql.js";
import { untilReady } from "../support/postgresql-cluster.js";
import { PostgresServer } from "./postgres-server.js";

/**
 * A primary and a streaming replica behind HAProxy. HAProxy passes connections to the server that takes writes. The
 * primary acknowledges a commit only when the replica has applied it.
 */
export class ReplicatedPostgres {
  readonly primary: PostgresServer;
  readonly replica: PostgresServer;
  readonly #port: number;
  readonly #proxy: ChildProcess;

  private constructor(
    primary: PostgresServer,
    replica: PostgresServer,
    port: number,
    proxy: ChildProcess,
  ) {
    this.primary = primary;
    this.replica = replica;
    this.#port = port;
    this.#proxy = proxy;
  }

  static async start(): Promise<ReplicatedPostgres> {
    const primary = await PostgresServer.start({ synchronous_commit: "remote_apply" });
    const replica = await PostgresServer.follow(primary);
    await primary.sql("ALTER SYSTEM SET synchronous_standby_names = '*'");
    await primary.sql("SELECT pg_reload_conf()");
    await untilReady(async () => {
      const rows = await primary.sql("SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'");
      if (rows.length === 0) throw new Error("The replica does not follow the primary.");
    });
    const port = await findFreePort();
    const file = join(primary.folder, "haproxy.cfg");
    await writeFile(file, proxyConfig([primary.port, replica.port, port]));
    const proxy = spawn("/usr/sbin/haproxy", ["-db", "-f", file], { stdio: "ignore" });
    const servers = new ReplicatedPostgres(primary, replica, port, proxy);
    await untilReady(() => runPostgres(servers.url, "SELECT 1"));
    return servers;
  }

  /** The URL through HAProxy. */
  get url(): string {
    return `postgresql://postgres@127.0.0.1:${this.#port}/postgres`;
  }

  async promoteReplica(): Promise<void> {
    await this.replica.sql("SELECT pg_promote()");
  }

  async stop(): Promise<void> {
    this.#proxy.kill("SIGTERM");
    await once(this.#proxy, "exit");
    await Promise.all([this.primary.stop(), this.replica.stop()]);
  }
}

/** Returns the configuration of HAProxy, which asks each server whether it takes writes, as `psql` would. */
function proxyConfig([primary, replica, proxy]: readonly [number, number, number]): string {
  const size = (bytes: number) => bytes.toString(16).padStart(8, "0");
  const hex = (text: string) => Buffer.from(text).toString("hex");
  const startup = `00030000${hex("user\0postgres\0database\0postgres\0\0")}`;
  const query = hex("SELECT pg_is_in_recovery()\0");
  return `
defaults
  mode tcp
  timeout connect 1s
  timeout client 1h
  timeout server 1h
listen postgresql
  bind 127.0.0.1:${proxy}
  option tcp-check
  tcp-check connect
  tcp-check send-binary ${size(startup.length / 2 + 4)}${startup}
  tcp-check send-binary 51${size(query.length / 2 + 4)}${query}
  tcp-check expect binary 440000000b00010000000166
  default-server check inter 250ms fall 1 rise 1 on-marked-down shutdown-sessions
  server primary 127.0.0.1:${primary}
  server replica 127.0.0.1:${replica} backup
`;
}
