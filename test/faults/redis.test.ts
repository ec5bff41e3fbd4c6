import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "@jest/globals";
import { createDatabase } from "../support/databases.js";
import { eventually } from "../support/eventually.js";
import { findFreePort } from "../support/free-port.js";
import { untilReady } from "../support/postgresql-cluster.js";
import { describeWith } from "../support/programs.js";
import { runRedis } from "../support/redis.js";
import { gapOf } from "./client.js";
import { say } from "./progress.js";
import { Site } from "./site.js";

/** The duration of a fault, in milliseconds. */
const FAULT = 5_000;
/** The number of wrong passwords in a row after which an account has to wait. */
const FREE = 5;

/** A Redis server that a test can kill, stop for a while, and start again. */
class RedisServer {
  readonly #folder: string;
  readonly #port: number;
  #process: ChildProcess | undefined;

  private constructor(folder: string, port: number) {
    this.#folder = folder;
    this.#port = port;
  }

  static async start(): Promise<RedisServer> {
    const folder = await mkdtemp(join(tmpdir(), "gate-redis-"));
    const server = new RedisServer(folder, await findFreePort());
    await server.restart();
    return server;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.#port}`;
  }

  run(...command: string[]): Promise<any> {
    return runRedis(this.url, ...command);
  }

  async restart(): Promise<void> {
    const options = ["--port", String(this.#port), "--bind", "127.0.0.1", "--save", ""];
    const child = spawn("redis-server", options, { cwd: this.#folder, stdio: "ignore" });
    this.#process = child;
    // Another program may have taken the port meanwhile, and may never answer.
    const ended = once(child, "exit").then(() => {
      throw new Error("redis-server has ended");
    });
    ended.catch(() => undefined);
    await Promise.race([untilReady(() => this.run("PING")), ended]);
  }

  signal(name: NodeJS.Signals): void {
    this.#process?.kill(name);
  }

  async kill(): Promise<void> {
    const child = this.#process;
    if (child?.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGKILL");
    await once(child, "exit");
  }

  async stop(): Promise<void> {
    await this.kill();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** Other servers that a wrong REDIS_URL may lead to, each with its answer to every message. */
const OTHERS: Readonly<Record<string, string>> = {
  "an HTTP server": "HTTP/1.1 400 Bad Request\r\n\r\n",
  "a server of another version, which knows no command": "-ERR unknown command\r\n",
  "a server that answers nonsense": "\0\u00ff~",
};

/** Tries 20 wrong passwords, and returns how many of them were checked. */
async function attack({ ask }: Site): Promise<number> {
  let checked = 0;
  for (let count = 0; count < 20; count += 1) {
    const mutation = `mutation { login(username: "victim", password: "wrong") { access } }`;
    const { errors } = await ask(mutation);
    if (errors[0].extensions.reason === "invalid_credentials") checked += 1;
  }
  return checked;
}

test.each(Object.keys(OTHERS))(
  "a REDIS_URL that leads to %s: the server starts, says so in one line, and counts in memory",
  async (what) => {
    const other = createServer((socket) => {
      socket.on("error", () => undefined);
      socket.on("data", () => socket.write(OTHERS[what] ?? ""));
    });
    other.listen(0, "127.0.0.1");
    await once(other, "listening");
    const database = await createDatabase("sqlite");
    const { port } = other.address() as AddressInfo;
    const env = { REDIS_URL: `redis://127.0.0.1:${port}` };
    const site = await Site.open(database.url, { clients: 1, env });
    try {
      const begin = performance.now();
      const checked = await attack(site);
      const seconds = (performance.now() - begin) / 1000;
      expect(checked).toBeGreaterThanOrEqual(FREE);
      expect(checked).toBeLessThanOrEqual(FREE + Math.log2(2 + seconds));
      expect(site.server.output.split(`"message":"Redis is unreachable`)).toHaveLength(2);
    } finally {
      await site.close();
      await database.drop();
      other.close();
    }
  },
);

const FAULTS: Readonly<Record<string, (redis: RedisServer) => Promise<() => Promise<void>>>> = {
  "is killed and started": async (redis) => {
    await redis.kill();
    return () => redis.restart();
  },
  "is frozen and goes on": (redis) => {
    redis.signal("SIGSTOP");
    return Promise.resolve(() => {
      redis.signal("SIGCONT");
      return Promise.resolve();
    });
  },
  "is emptied": async (redis) => {
    await redis.run("FLUSHALL");
    return () => Promise.resolve();
  },
};

describeWith("redis-server")("Redis", () => {
  test.each(Object.keys(FAULTS))(
    "%s: no client is refused or signed out, and an account gets few further attempts",
    async (fault) => {
      const [redis, database] = [await RedisServer.start(), await createDatabase("sqlite")];
      const site = await Site.open(database.url, { env: { REDIS_URL: redis.url } });
      const begin = performance.now();
      try {
        await site.load();
        let checked = await attack(site);
        const undo = await FAULTS[fault]!(redis);
        const broken = performance.now();
        checked += await attack(site);
        await sleep(FAULT);
        await undo();
        const back = await site.answersAll();
        checked += await attack(site);
        await eventually(async () => Number(await redis.run("DBSIZE")) > 0, 60_000);
        const seconds = (performance.now() - begin) / 1000;
        const counted = await site.expectNothingLost();
        say(
          `Redis ${fault}: the longest time without an answer was ${gapOf(site.clients, broken)} ms, an operation took at most ${site.longest(broken)} ms; each client had an answer ${back} ms after its return; ${checked} of 60 wrong passwords were checked. ${counted}.`,
        );
        // Three counters apply: that of Redis before the fault, that in memory, and that of Redis after it. The waits
        // of each counter double.
        expect(checked).toBeLessThanOrEqual(3 * (FREE + Math.log2(2 + seconds)));
        expect(site.clients.flatMap(({ refused }) => refused)).toEqual([]);
      } finally {
        await site.close();
        await redis.stop();
        await database.drop();
      }
    },
  );
});
