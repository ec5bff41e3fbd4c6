import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "@jest/globals";
import { createDatabase } from "../support/databases.js";
import { eventually } from "../support/eventually.js";
import { describeRedisServers, RedisServer } from "../support/redis-servers.js";
import { gapOf } from "./client.js";
import { say } from "./progress.js";
import { Site } from "./site.js";

/** The duration of a fault, in milliseconds. */
const FAULT = 5_000;
/** The number of wrong passwords in a row after which an account has to wait. */
const FREE = 5;

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

describeRedisServers("Redis", () => {
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
