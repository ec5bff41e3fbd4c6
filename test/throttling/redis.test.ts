import { afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { attempt, expectThrottled, REFUSED } from "../support/attempts.js";
import { eventually } from "../support/eventually.js";
import { expectToEndAfter, fakeTimeouts } from "../support/fake-timers.js";
import { Gate, PASSWORD } from "../support/gate.js";
import { faultsOf, runRedis } from "../support/redis.js";
import { setUpStoppedRedis } from "../support/redis-servers.js";
import { TcpProxy } from "../support/tcp-proxy.js";

const FREE = 5;
/** How long a request waits for Redis, in milliseconds. */
const REPLY_TIMEOUT = 500;
const VERIFY = `mutation { verifyToken(token: "no.token.at-all") { active } }`;

const redis = await setUpStoppedRedis();
const URL_OF_REDIS = redis?.server.url ?? "";
const describeStopped = redis === undefined ? describe.skip : describe;

describeStopped("counted in Redis, which can become unreachable", () => {
  let proxy: TcpProxy;
  let gate: Gate;

  beforeEach(async () => {
    proxy = await TcpProxy.open(URL_OF_REDIS);
    gate = await Gate.open({
      redisUrl: proxy.url,
      loginFailuresPerAccount: FREE,
      logLevel: "warn",
    });
  });

  afterEach(async () => {
    jest.useRealTimers();
    jest.restoreAllMocks();
    await gate.close();
    await proxy.close();
  });

  async function fail(name: string, times = FREE, server = gate): Promise<void> {
    for (let turn = 0; turn < times; turn += 1) {
      expect(await attempt(server, name)).toMatchObject(REFUSED);
    }
  }

  /** Waits until an attempt is counted in Redis again. */
  async function redisIsUsed(server = gate): Promise<void> {
    await eventually(async () => {
      const before = proxy.answered;
      await server.ask(VERIFY);
      return proxy.answered > before;
    });
  }

  test("OP-8: while Redis is unreachable each server counts from zero in memory; once it is back they share its counters again", async () => {
    const other = await gate.another({ redisUrl: URL_OF_REDIS });
    await gate.user("ada");
    await fail("ada", FREE - 1);
    proxy.cut();
    await fail("ada");
    for (let turn = 0; turn < 10; turn += 1) expectThrottled(await attempt(gate, "ada"), 1);
    expectThrottled(await attempt(gate, "ada", PASSWORD), 1);
    expect((await attempt(gate, "nobody")).status).toBe(401);
    proxy.pass();
    try {
      // The server's memory refuses the account, so only Redis can have counted this attempt.
      await eventually(async () => (await attempt(gate, "ada")).reason === "invalid_credentials");
      expectThrottled(await attempt(other, "ada", PASSWORD), 1);
    } finally {
      await other.close();
    }
  });

  test("OP-8: while Redis is unreachable a right password restores the free attempts", async () => {
    await gate.user("ada");
    proxy.cut();
    for (let turn = 0; turn < 2; turn += 1) {
      await fail("ada", FREE - 1);
      expect((await attempt(gate, "ada", PASSWORD)).status).toBe(200);
    }
  });

  test("OP-8: when Redis is cut off during 100 attempts, no more are checked than Redis and the server each allow, and none fails", async () => {
    const trying = Array.from({ length: 100 }, () => attempt(gate, "ada"));
    await Promise.race(trying);
    proxy.cut();
    const answers = await Promise.all(trying);
    const checked = answers.filter(({ reason }) => reason === "invalid_credentials");
    expect(checked.length).toBeLessThanOrEqual(2 * FREE);
    for (const answer of answers) {
      expect(["invalid_credentials", "throttled"]).toContain(answer.reason);
    }
  });

  test("OP-8: when Redis stops replying a request waits half a second, the next ones do not wait, and the limits hold", async () => {
    await gate.user("ada");
    const strict = await gate.another({ requestsPerAddress: 2 });
    try {
      await redisIsUsed(strict);
      proxy.hang();
      jest.spyOn(performance, "now").mockReturnValue(performance.now());
      const ask = () => strict.ask(VERIFY);
      const first = await expectToEndAfter(REPLY_TIMEOUT, () => jest.getTimerCount() > 0, ask);
      // If these requests waited for Redis too, they would never end, because nothing moves the timeouts.
      fakeTimeouts();
      const [second, third] = [await ask(), await ask()];
      expect([first.status, second.status, third.status]).toEqual([200, 200, 429]);
      jest.useRealTimers();
      jest.restoreAllMocks();
      proxy.pass();
      await redisIsUsed(strict);
    } finally {
      await strict.close();
    }
  });

  test("OP-8: a fault of Redis is logged at most once a minute", async () => {
    const start = performance.now();
    let seconds = 0;
    jest.spyOn(performance, "now").mockImplementation(() => start + seconds * 1000);
    await gate.ask(VERIFY);
    expect(faultsOf(gate)).toEqual([]);
    proxy.cut();
    for (const [instant, count] of [
      [0, 1],
      [0, 1],
      [59.999, 1],
      [60, 2],
      [60.001, 2],
    ] as const) {
      seconds = instant;
      await gate.ask(VERIFY);
      expect(faultsOf(gate)).toHaveLength(count);
    }
  });

  test("OP-8: an error for one account is logged, and the others are still counted in Redis", async () => {
    const known = new Set(await keysOf("account-failures"));
    const newKeys = async () =>
      (await keysOf("account-failures")).filter((each) => !known.has(each));
    await fail("ada", 1);
    const [key = ""] = await newKeys();
    await runRedis(URL_OF_REDIS, "SET", key, "not a counter");
    await fail("ada");
    expectThrottled(await attempt(gate, "ada"), 1);
    expect(faultsOf(gate)).toEqual([expect.stringContaining("WRONGTYPE")]);
    await fail("bea", 1);
    expect(await newKeys()).toHaveLength(2);
  });

  test("a closed server, and one whose start fails, leave no connection to Redis open", async () => {
    const missing = Object.assign(new URL(proxy.url), { pathname: "/9999" }).href;
    await gate.close();
    await eventually(() => proxy.sockets === 0);
    await expect(Gate.open({ redisUrl: missing })).rejects.toThrow("has no database");
    await eventually(() => proxy.sockets === 0);
  });

  test("OP-8: when Redis stops replying and is then cut off, each attempt is counted once", async () => {
    await gate.user("ada");
    proxy.hang();
    await Promise.all(Array.from({ length: FREE - 1 }, () => attempt(gate, "ada")));
    proxy.cut();
    await fail("ada", 1);
    expectThrottled(await attempt(gate, "ada", PASSWORD), 1);
  });

  test("LG-2: the longest wait is 15 minutes, and failures are forgotten 15 minutes after it", async () => {
    const known = new Set(await keysOf("account-failures"));
    await fail("ada", 1);
    const [key = ""] = (await keysOf("account-failures")).filter((each) => !known.has(each));
    const expires = async () => Number(await runRedis(URL_OF_REDIS, "PTTL", key)) / 60_000;
    expect(await expires()).toBe(15);
    await runRedis(URL_OF_REDIS, "HSET", key, "points", "30");
    await fail("ada", 1);
    expectThrottled(await attempt(gate, "ada"), 900);
    expect(await expires()).toBe(30);
  });

  test("an attempt leaves no username, e-mail address or IP address in Redis", async () => {
    await attempt(gate, "somebody.special");
    const keys = await keysOf("*");
    expect(keys.length).toBeGreaterThan(0);
    expect(keys.join("\n")).not.toMatch(/somebody|127\.0\.0\.1/);
  });
});

const keysOf = async (rule: string) =>
  (await runRedis(URL_OF_REDIS, "KEYS", `gatehouse:${rule}*`)) as string[];
