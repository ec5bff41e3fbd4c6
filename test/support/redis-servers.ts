import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe } from "@jest/globals";
import { eventually } from "./eventually.js";
import { FakeClock } from "./fake-clock.js";
import { findFreePort } from "./free-port.js";
import { describeWith } from "./programs.js";
import { runRedis } from "./redis.js";

/** `describe` if Redis is installed; otherwise it skips the tests and says why. */
export const describeRedisServers = describeWith("redis-server");

const CAN_STOP_REDIS = [describeRedisServers, describeWith("faketime")].every(
  (found) => found === describe,
);

/** The name that the Sentinels give their server. */
const SENTINEL_NAME = "mymaster";

/** A separate Redis server with its own folder. */
export class RedisServer {
  readonly port: number;
  readonly #folder: string;
  readonly #parameters: readonly string[];
  readonly #env: Readonly<Record<string, string>>;
  #process: ChildProcess;

  private constructor(port: number, folder: string, parameters: readonly string[], env = {}) {
    this.port = port;
    this.#folder = folder;
    this.#parameters = parameters;
    this.#env = env;
    this.#process = this.#spawn();
  }

  /** @param settings settings of the command line, such as `["--requirepass", "secret"]` */
  static async start(...settings: string[]): Promise<RedisServer> {
    return RedisServer.#startIn(await makeFolder(), settings);
  }

  /** Starts a server whose clock stands still until a test moves it. */
  static async startStopped(): Promise<StoppedRedis> {
    const folder = await makeFolder();
    const clock = await FakeClock.start(folder);
    await clock.stopAt(Date.now());
    return { server: await RedisServer.#startIn(folder, [], clock.env), clock };
  }

  static async #startIn(folder: string, settings: string[], env = {}): Promise<RedisServer> {
    const port = await findFreePort();
    const usual = ["--port", `${port}`, "--bind", "127.0.0.1", "--dir", folder, "--save", ""];
    const server = new RedisServer(port, folder, [...usual, ...settings], env);
    await server.isReady();
    return server;
  }

  static async startSentinel(master: RedisServer): Promise<RedisServer> {
    const [port, folder] = [await findFreePort(), await makeFolder()];
    const file = join(folder, "sentinel.conf");
    const lines = [
      `port ${port}`,
      "bind 127.0.0.1",
      `sentinel monitor ${SENTINEL_NAME} 127.0.0.1 ${master.port} 2`,
      `sentinel down-after-milliseconds ${SENTINEL_NAME} 1000`,
      `sentinel failover-timeout ${SENTINEL_NAME} 5000`,
    ];
    await writeFile(file, lines.join("\n"));
    const server = new RedisServer(port, folder, [file, "--sentinel"]);
    await server.isReady();
    return server;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  get url(): string {
    return `redis://${this.address}`;
  }

  run(...command: string[]): Promise<any> {
    return runRedis(this.url, ...command);
  }

  /** Waits until the server replies, with an error or not. */
  async isReady(): Promise<void> {
    await eventually(
      () =>
        this.run("PING").then(
          () => true,
          (error: unknown) => String(error).includes("NOAUTH"),
        ),
      30_000,
    );
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  /** Kills the server, which cannot save anything. */
  async kill(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    this.#process.kill("SIGKILL");
    await once(this.#process, "exit");
  }

  /** Starts the killed server again, without its data. */
  async restart(): Promise<void> {
    this.#process = this.#spawn();
    await this.isReady();
  }

  async stop(): Promise<void> {
    await this.kill();
    await rm(this.#folder, { recursive: true, force: true });
  }

  #spawn(): ChildProcess {
    const env = { ...process.env, ...this.#env };
    return spawn("redis-server", this.#parameters, { stdio: "ignore", cwd: this.#folder, env });
  }
}

function makeFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), "gate-redis-"));
}

/** A Redis server, and the clock that it shows. */
interface StoppedRedis {
  readonly server: RedisServer;
  readonly clock: FakeClock;
}

/**
 * Starts a Redis server whose clock stands still, and stops it after the tests. Otherwise, a wait could be over before a
 * slow machine tries again. Returns undefined if that needs a program that is not installed, which a skipped test names.
 */
export async function setUpStoppedRedis(): Promise<StoppedRedis | undefined> {
  if (!CAN_STOP_REDIS) return undefined;
  const redis = await RedisServer.startStopped();
  afterAll(() => redis.server.stop());
  return redis;
}

/** One or more Redis servers that a `REDIS_URL` names together. */
export interface RedisGroup {
  readonly url: string;
  /** The servers that keep counters, and their replicas. */
  readonly servers: readonly RedisServer[];
  /** Returns a server that keeps counters. With Sentinels, it is the one that they have chosen. */
  findMaster(): Promise<RedisServer>;
  stop(): Promise<void>;
}

function groupOf(url: string, servers: RedisServer[], others: RedisServer[] = []): RedisGroup {
  const stop = async () => {
    await Promise.all([...others, ...servers].map((server) => server.stop()));
  };
  const findMaster = async () => {
    const [sentinel] = others;
    const chosen = await sentinel?.run("SENTINEL", "GET-MASTER-ADDR-BY-NAME", SENTINEL_NAME);
    const master = chosen ? servers.find(({ port }) => `${port}` === chosen[1]) : servers[0];
    if (master === undefined) throw new Error("There is no master.");
    return master;
  };
  return { url, servers, findMaster, stop };
}

export async function startSingle(): Promise<RedisGroup> {
  const server = await RedisServer.start();
  return groupOf(server.url, [server]);
}

/** Starts a server, a replica, and three Sentinels that know the replica and each other. */
export async function startSentinels(): Promise<RedisGroup> {
  const master = await RedisServer.start();
  const replica = await RedisServer.start("--replicaof", "127.0.0.1", `${master.port}`);
  const sentinels = await Promise.all([1, 2, 3].map(() => RedisServer.startSentinel(master)));
  await eventually(async () => {
    const states = await Promise.all(
      sentinels.map(async (sentinel) => {
        const fields: string[] = await sentinel.run("SENTINEL", "MASTER", SENTINEL_NAME);
        const valueOf = (name: string) => fields[fields.indexOf(name) + 1];
        return [valueOf("num-slaves"), valueOf("num-other-sentinels")].join();
      }),
    );
    return states.every((state) => state === "1,2");
  }, 60_000);
  await eventually(async () => /master_link_status:up/.test(await replica.run("INFO")), 60_000);
  const hosts = sentinels.map(({ address }) => address).join(",");
  return groupOf(`redis+sentinel://${hosts}/${SENTINEL_NAME}`, [master, replica], sentinels);
}

const SLOTS = 16_384;

/** Starts a Cluster of three nodes. */
export async function startCluster(): Promise<RedisGroup> {
  const busPorts = [await findFreePort(), await findFreePort(), await findFreePort()];
  const nodes: RedisServer[] = [];
  for (const busPort of busPorts) {
    nodes.push(
      await RedisServer.start(
        ...["--cluster-enabled", "yes", "--cluster-node-timeout", "1000"],
        ...["--cluster-port", `${busPort}`],
      ),
    );
  }
  for (const [index, node] of nodes.entries()) {
    const [from, to] = [index, index + 1].map((part) => Math.floor((part * SLOTS) / nodes.length));
    await node.run("CLUSTER", "ADDSLOTSRANGE", `${from}`, `${to! - 1}`);
    await node.run("CLUSTER", "SET-CONFIG-EPOCH", `${index + 1}`);
  }
  for (const [index, { port }] of nodes.entries()) {
    await nodes[0]?.run("CLUSTER", "MEET", "127.0.0.1", `${port}`, `${busPorts[index]}`);
  }
  await eventually(async () => {
    const states = await Promise.all(nodes.map((node) => node.run("CLUSTER", "INFO")));
    return states.every((state) => /state:ok[^]*known_nodes:3/.test(state));
  }, 60_000);
  return groupOf(`redis+cluster://${nodes.map(({ address }) => address).join(",")}`, nodes);
}
