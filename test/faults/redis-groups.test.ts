import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { attempt, expectThrottled, REFUSED } from "../support/attempts.js";
import { eventually } from "../support/eventually.js";
import { Gate, PASSWORD } from "../support/gate.js";
import {
  describeRedisServers,
  type RedisGroup,
  startCluster,
  startSentinels,
  startSingle,
} from "../support/redis-servers.js";

const FREE = 5;
/** In milliseconds. Longer than a failover takes, also on a busy machine. */
const RECOVERY = 60_000;

const GROUPS: [name: string, start: () => Promise<RedisGroup>, hasReplica: boolean][] = [
  ["one Redis", startSingle, false],
  ["Redis with Sentinels", startSentinels, true],
  ["a Redis Cluster", startCluster, false],
];

describeRedisServers.each(GROUPS)("counted in %s", (_name, start, hasReplica) => {
  let group: RedisGroup;
  let gate: Gate;
  let other: Gate;
  let accounts = 0;

  beforeAll(async () => {
    group = await start();
  }, RECOVERY);

  afterAll(() => group.stop());

  beforeEach(async () => {
    gate = await Gate.open({ redisUrl: group.url, loginFailuresPerAccount: FREE });
    other = await gate.another();
    await gate.user("ada");
    await isUsed();
  }, RECOVERY);

  afterEach(() => gate.close());

  /** Returns the name of an account that nobody has tried. */
  const next = () => `account-${(accounts += 1)}`;

  async function fail(name: string, times: number, server = gate): Promise<void> {
    for (let turn = 0; turn < times; turn += 1) {
      expect(await attempt(server, name)).toMatchObject(REFUSED);
    }
  }

  /** Tries a password this many times at once, and returns how many times it was checked. */
  async function countChecked(name: string, times: number): Promise<number> {
    const answers = await Promise.all(Array.from({ length: times }, () => attempt(gate, name)));
    for (const answer of answers)
      expect(["invalid_credentials", "throttled"]).toContain(answer.reason);
    return answers.filter(({ reason }) => reason === "invalid_credentials").length;
  }

  /** Waits until both gates count in Redis. Checks several keys, because a Cluster keeps them on different nodes. */
  async function isUsed(): Promise<void> {
    for (let shared = 0; shared < 4;) {
      await eventually(async () => {
        const name = next();
        await attempt(gate, name);
        for (let turn = 1; turn < FREE; turn += 1) await attempt(other, name);
        const { status } = await attempt(gate, name);
        shared = status === 429 ? shared + 1 : 0;
        return status === 429;
      }, RECOVERY);
    }
  }

  /** Expects that attempts are still bounded, that the user stays signed in, and that others can log in. */
  async function expectBounded(authorization: string): Promise<void> {
    const name = next();
    const start = performance.now();
    const checked = await countChecked(name, 30);
    const more = Math.log2(2 + (performance.now() - start) / 1000);
    expect(checked).toBeGreaterThan(0);
    expect(checked).toBeLessThanOrEqual(2 * FREE + more);
    expect((await gate.me(authorization)).status).toBe(200);
    expect((await attempt(gate, "ada", PASSWORD)).status).toBe(200);
  }

  test("OP-8: two servers share the counters of many accounts", async () => {
    for (let turn = 0; turn < 8; turn += 1) {
      const name = next();
      await fail(name, FREE - 1);
      await fail(name, 1, other);
      expectThrottled(await attempt(gate, name), 1);
    }
  });

  test("OP-8: after FLUSHALL counting begins again from zero", async () => {
    const name = next();
    await fail(name, FREE);
    for (const server of group.servers) {
      await server.run("SCRIPT", "FLUSH");
      await server.run("FLUSHALL").catch(() => undefined); // A replica refuses FLUSHALL.
    }
    await fail(name, FREE - 1);
    await fail(name, 1, other);
    expectThrottled(await attempt(gate, name), 1);
  });

  test(
    "OP-8: while a server is frozen attempts are bounded and nobody is signed out, and counting recovers without a restart",
    async () => {
      const { authorization } = await gate.login("ada");
      const frozen = await group.findMaster();
      frozen.signal("SIGSTOP");
      try {
        await expectBounded(authorization);
        if (hasReplica) await isUsed();
      } finally {
        frozen.signal("SIGCONT");
      }
      await isUsed();
      expect((await gate.me(authorization)).status).toBe(200);
    },
    2 * RECOVERY,
  );

  test(
    "OP-8: after a server was killed attempts are bounded and nobody is signed out, and counting recovers without a restart",
    async () => {
      const { authorization, refresh } = await gate.login("ada");
      const victim = await group.findMaster();
      await victim.kill();
      try {
        await expectBounded(authorization);
        if (hasReplica) await isUsed();
      } finally {
        await victim.restart();
      }
      await isUsed();
      expect((await gate.refresh(refresh)).status).toBe(200);
    },
    2 * RECOVERY,
  );
});
