import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { attempt, expectThrottled, REFUSED } from "../support/attempts.js";
import { eventually } from "../support/eventually.js";
import { Gate, PASSWORD } from "../support/gate.js";
import { describeRedis, REDIS_URL, runRedis } from "../support/redis.js";
import { TcpProxy } from "../support/tcp-proxy.js";

const FREE = 5;
/** In milliseconds: how long a look-up may wait for Redis, and what the machine may take beside. */
const LOOKUP = 500;
const SLACK = 400;
/** Where no other test file counts. */
const OWN_DATABASE = Object.assign(new URL(REDIS_URL), { pathname: "/9" }).href;
const VERIFY = `mutation { verifyToken(token: "no.token.at-all") { active } }`;

describeRedis("counted in Redis, which can go away", () => {
  let proxy: TcpProxy;
  let gate: Gate;

  beforeEach(async () => {
    proxy = await TcpProxy.open(OWN_DATABASE);
    gate = await Gate.open({ redisUrl: proxy.url, loginFailuresPerAccount: FREE });
  });

  afterEach(async () => {
    await gate.close();
    await proxy.close();
  });

  async function fail(name: string, times = FREE, server = gate): Promise<void> {
    for (let turn = 0; turn < times; turn += 1) {
      expect(await attempt(server, name)).toMatchObject(REFUSED);
    }
  }

  /** Waits until a try is counted in Redis again. */
  async function redisIsUsed(server = gate): Promise<void> {
    await eventually(async () => {
      const before = proxy.answered;
      await server.ask(VERIFY);
      return proxy.answered > before;
    });
  }

  test("OP-8: while it is away each server counts by itself from the start, and when it is back they count together", async () => {
    const other = await gate.another({ redisUrl: OWN_DATABASE });
    await gate.user("ada");
    await fail("ada", FREE - 1);
    proxy.cut();
    await fail("ada");
    for (let turn = 0; turn < 10; turn += 1) expectThrottled(await attempt(gate, "ada"), 1);
    expectThrottled(await attempt(gate, "ada", PASSWORD), 1);
    expect((await attempt(gate, "nobody")).status).toBe(401);
    proxy.pass();
    await redisIsUsed();
    try {
      await fail("ada", 1);
      expectThrottled(await attempt(other, "ada", PASSWORD), 1);
    } finally {
      await other.close();
    }
  });

  test("OP-8: a right password makes all free again while it is away", async () => {
    await gate.user("ada");
    proxy.cut();
    for (let turn = 0; turn < 2; turn += 1) {
      await fail("ada", FREE - 1);
      expect((await attempt(gate, "ada", PASSWORD)).status).toBe(200);
    }
  });

  test("OP-8: cut off in the middle of 100 tries, it lets no more pass than it and the server would, and fails none", async () => {
    const trying = Array.from({ length: 100 }, () => attempt(gate, "ada"));
    await Promise.race(trying);
    proxy.cut();
    const start = performance.now();
    const answers = await Promise.all(trying);
    const seconds = (performance.now() - start) / 1000;
    const looked = answers.filter(({ reason }) => reason === "invalid_credentials");
    expect(looked.length).toBeLessThanOrEqual(2 * FREE + Math.floor(Math.log2(2 + seconds)));
    for (const answer of answers) {
      expect(["invalid_credentials", "throttled"]).toContain(answer.reason);
    }
  });

  test("OP-8: that does not answer any more costs half a second a look-up, and lets no more pass", async () => {
    await gate.user("ada");
    const strict = await gate.another({ requestsPerAddress: 2 });
    try {
      await redisIsUsed(strict);
      proxy.hang();
      for (const expected of [200, 200, 429]) {
        const start = performance.now();
        const answer = await strict.ask(VERIFY);
        const took = performance.now() - start;
        expect(answer.status).toBe(expected);
        expect(took).toBeLessThan(LOOKUP + SLACK);
      }
      proxy.pass();
      await redisIsUsed(strict);
    } finally {
      await strict.close();
    }
  });

  test("OP-8: that went silent and was then cut off has each try counted once", async () => {
    await gate.user("ada");
    proxy.hang();
    await Promise.all(Array.from({ length: FREE - 1 }, () => attempt(gate, "ada")));
    proxy.cut();
    await fail("ada", 1);
    expectThrottled(await attempt(gate, "ada", PASSWORD), 1);
  });

  test("LG-2: the longest wait is 15 minutes, and a failure is forgotten 15 minutes after that", async () => {
    const known = new Set(await keysOf("account-failures"));
    await fail("ada", 1);
    const [key = ""] = (await keysOf("account-failures")).filter((each) => !known.has(each));
    const expires = async () => Number(await runRedis(OWN_DATABASE, "PTTL", key)) / 60_000;
    expect(await expires()).toBeGreaterThan(14.5);
    expect(await expires()).toBeLessThanOrEqual(15);
    await runRedis(OWN_DATABASE, "HSET", key, "points", "30");
    await fail("ada", 1);
    expectThrottled(await attempt(gate, "ada"), 900);
    expect(await expires()).toBeGreaterThan(29.5);
    expect(await expires()).toBeLessThanOrEqual(30);
  });

  test("a try leaves no name, address or e-mail address in Redis", async () => {
    await attempt(gate, "somebody.special");
    const keys = await keysOf("*");
    expect(keys.length).toBeGreaterThan(0);
    expect(keys.join("\n")).not.toMatch(/somebody|127\.0\.0\.1/);
  });
});

const keysOf = async (rule: string) =>
  (await runRedis(OWN_DATABASE, "KEYS", `gatehouse:${rule}*`)) as string[];

describeRedis("a start without Redis", () => {
  test("OP-8: succeeds soon, counts from the first try on, and takes Redis up when it comes", async () => {
    const proxy = await TcpProxy.open(REDIS_URL);
    proxy.cut();
    const start = performance.now();
    const gate = await Gate.open({ redisUrl: proxy.url, loginFailuresPerAccount: FREE });
    try {
      expect(performance.now() - start).toBeLessThan(5000);
      for (let turn = 0; turn < FREE; turn += 1) {
        expect(await attempt(gate, "ada")).toMatchObject(REFUSED);
      }
      expectThrottled(await attempt(gate, "ada"), 1);
      proxy.pass();
      await eventually(async () => {
        await gate.ask(VERIFY);
        return proxy.answered > 0 && (await attempt(gate, "ada")).status === 401;
      });
    } finally {
      await gate.close();
      await proxy.close();
    }
  });

  test("OP-8: that takes connections and says nothing, succeeds too", async () => {
    const silent = createServer(() => undefined).listen(0, "127.0.0.1");
    await once(silent, "listening");
    const { port } = silent.address() as AddressInfo;
    const start = performance.now();
    const gate = await Gate.open({
      redisUrl: `redis://127.0.0.1:${port}`,
      requestsPerAddress: 1,
    });
    try {
      expect(performance.now() - start).toBeLessThan(6000);
      expect((await gate.ask(VERIFY)).status).toBe(200);
      expectThrottled(await gate.ask(VERIFY), 60);
    } finally {
      await gate.close();
      silent.close();
    }
  });
});
