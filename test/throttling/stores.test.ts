import { createHash } from "node:crypto";
import { afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import type { ServerOptions } from "../../src/index.js";
import { generateSecretKey } from "../../src/keys/secret-key.js";
import { MemoryLimiter } from "../../src/throttling/memory-limiter.js";
import { SqlLimiter } from "../../src/throttling/sql-limiter.js";
import {
  attempt,
  attemptByEmail,
  countHashed,
  expectThrottled,
  from,
  REFUSED,
} from "../support/attempts.js";
import type { DatabaseKind } from "../support/databases.js";
import type { FakeClock } from "../support/fake-clock.js";
import { fakeTimeouts } from "../support/fake-timers.js";
import { fresh } from "../support/fresh.js";
import { DATABASES, Gate, PASSWORD, setUpGate } from "../support/gate.js";
import { setUpStoppedRedis } from "../support/redis-servers.js";

const FREE = 5;
const NEXT = "another long and unused phrase";
const MINUTE = 60;

interface Store {
  readonly name: string;
  readonly database: DatabaseKind;
  readonly options: Partial<ServerOptions>;
  /** Whether all servers share the counters, and a restart keeps them. */
  readonly isShared: boolean;
  /** The clock of the store's server, or undefined if the store counts by the gate's clock. */
  readonly clock?: FakeClock;
}

const MEMORY: Store = {
  name: "memory",
  database: "sqlite",
  options: {},
  isShared: false,
};

const redis = await setUpStoppedRedis();

const STORES: readonly Store[] = [
  MEMORY,
  ...DATABASES.map((database) => ({
    name: `database (${database})`,
    database,
    options: { throttleStore: "database" as const },
    isShared: true,
  })),
  ...(redis === undefined
    ? []
    : [
        {
          name: "redis",
          database: "sqlite" as const,
          options: { redisUrl: redis.server.url },
          isShared: true,
          clock: redis.clock,
        },
      ]),
];

describe.each(STORES)("counted in $name", ({ database, options, isShared, clock }) => {
  const mail = { smtpUrl: "smtp://127.0.0.1:1", mailFrom: "no-reply@example.com" };
  const gate = setUpGate({ loginFailuresPerAccount: FREE, ...mail, ...options }, database);

  // Otherwise, an attempt would be counted in memory if the answer of Redis took half a second.
  if (options.redisUrl !== undefined) beforeEach(fakeTimeouts);
  afterEach(() => {
    jest.useRealTimers();
  });

  /** Moves the clocks of the gate and of the store forward. */
  async function pass(seconds: number): Promise<void> {
    gate.advance(seconds);
    await clock?.stopAt(gate.now);
  }

  /** Logs in with a wrong password, as often as is allowed without a wait. */
  async function fail(name: string, times = FREE): Promise<void> {
    for (let turn = 0; turn < times; turn += 1) {
      expect(await attempt(gate, name)).toMatchObject(REFUSED);
    }
  }

  describe("wrong passwords for one account", () => {
    test("LG-2, L-17, W17: the first 5 of 20 in a row are checked, and all later attempts are refused unchecked, even the right password", async () => {
      await gate.user("ada");
      await fail("ada");
      for (let turn = FREE; turn < 20; turn += 1) expectThrottled(await attempt(gate, "ada"), 1);
      expectThrottled(await attempt(gate, "ada", PASSWORD), 1);
      expect(countHashed(gate, "ada")).toBe(FREE);
    });

    test("LG-2: do not block the right password after the wait, and it restores the free attempts", async () => {
      await gate.user("bea");
      await fail("bea");
      await pass(1);
      expect((await attempt(gate, "bea", PASSWORD)).status).toBe(200);
      await fail("bea");
      expectThrottled(await attempt(gate, "bea"), 1);
    });

    test("LG-2: double the wait each time, and after each wait one attempt is checked", async () => {
      await gate.user("cyd");
      await fail("cyd");
      for (const wait of [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]) {
        expectThrottled(await attempt(gate, "cyd"), wait);
        await pass(wait);
        await fail("cyd", 1);
      }
      expectThrottled(await attempt(gate, "cyd", PASSWORD), 900);
    });

    test("LG-2: are forgotten after a right password before the sixth attempt", async () => {
      await gate.user("dan");
      for (let turn = 0; turn < 2; turn += 1) {
        await fail("dan", FREE - 1);
        expect((await attempt(gate, "dan", PASSWORD)).status).toBe(200);
      }
    });

    test("LG-2: are forgotten when an administrator unlocks the account", async () => {
      const { authorization } = await fresh(gate, await gate.user("root", { role: "ADMIN" }));
      const id = await gate.user("joy");
      await fail("joy");
      expectThrottled(await attempt(gate, "joy", PASSWORD), 1);
      const unlock = `mutation { unlockUser(id: "${id}") { user { id } } }`;
      expect((await gate.ask(unlock, { authorization })).status).toBe(200);
      expect((await attempt(gate, "joy", PASSWORD)).status).toBe(200);
    });

    test("LG-2: are forgotten when the password is reset", async () => {
      const id = await gate.user("lea", { email: "lea@example.com" });
      const { tokens } = gate.auth.mail;
      const values = { purpose: "resetPassword", userId: id, address: "lea@example.com" } as const;
      const tokenId = await gate.core.sql.inTransaction((run) => tokens.issue(run, values));
      const { token } = (await tokens.derive(tokenId))!;
      await fail("lea");
      const reset = await gate.ask(
        "mutation ($token: String!, $newPassword: String!) { resetPassword(token: $token, newPassword: $newPassword) { message } }",
        { variables: { token, newPassword: NEXT } },
      );
      expect(reset.status).toBe(200);
      expect((await attempt(gate, "lea", NEXT)).status).toBe(200);
    });

    test("LG-6: are counted together for the username and the e-mail address, in any spelling", async () => {
      await gate.user("eve", { email: "eve@example.com" });
      const spellings = ["eve", "EVE", "ｅｖｅ"];
      for (const name of spellings) expect(await attempt(gate, name)).toMatchObject(REFUSED);
      for (const address of ["eve@example.com", " EVE@Example.COM"]) {
        expect(await attemptByEmail(gate, address)).toMatchObject(REFUSED);
      }
      for (const name of spellings) expectThrottled(await attempt(gate, name, PASSWORD), 1);
      expectThrottled(await attemptByEmail(gate, "eve@example.com", PASSWORD), 1);
    });

    test("LG-1, LG-2: are limited in the same way for an unknown and a known user, with the same responses", async () => {
      await gate.user("known");
      for (const name of ["nobody", "NOBODY", "ｎｏｂｏｄｙ", "noBody", "nobody"]) {
        expect(await attempt(gate, name)).toMatchObject(REFUSED);
      }
      const unknown = await attempt(gate, "Nobody");
      expectThrottled(unknown, 1);
      await fail("known");
      expect((await attempt(gate, "known")).text).toBe(unknown.text);
      for (let turn = 0; turn < FREE; turn += 1) {
        expect(await attemptByEmail(gate, "nobody@example.com")).toMatchObject(REFUSED);
      }
      expectThrottled(await attemptByEmail(gate, "Nobody@EXAMPLE.com"), 1);
    });

    test("LG-7: end no session and block no other account; the user stays signed in and can refresh", async () => {
      await gate.user("gil");
      await gate.user("fay");
      const { authorization, refresh } = await gate.login("gil");
      await fail("gil");
      expectThrottled(await attempt(gate, "gil", PASSWORD), 1);
      expect((await gate.me(authorization)).status).toBe(200);
      expect((await gate.refresh(refresh)).status).toBe(200);
      expect((await attempt(gate, "fay", PASSWORD)).status).toBe(200);
    });

    test("LG-5: 200 concurrent attempts are not checked more often than 200 in sequence", async () => {
      await gate.user("hal");
      const answers = await Promise.all(Array.from({ length: 200 }, () => attempt(gate, "hal")));
      expect(countHashed(gate, "hal")).toBe(FREE);
      expect(answers.filter(({ status }) => status === 401)).toHaveLength(FREE);
      const others = answers.filter(({ status }) => status !== 401);
      for (const other of others) {
        expect(other).toMatchObject({ status: 429, reason: "throttled" });
      }
    });
  });

  test("LG-3: requests from IPv6 are counted per /64 network, and per /48 network with 16 times the limit", async () => {
    const proxied = await gate.another({ trustedProxies: ["127.0.0.1"], requestsPerAddress: 2 });
    const verify = (address: string) =>
      proxied.ask(`mutation { verifyToken(token: "no.token.at-all") { active } }`, from(address));
    try {
      for (let subnet = 0; subnet < 16; subnet += 1) {
        const address = `2001:db8:48:${subnet.toString(16)}::1`;
        expect((await verify(address)).status).toBe(200);
        expect((await verify(`2001:db8:48:${subnet.toString(16)}:ffff::2`)).status).toBe(200);
        expect((await verify(address)).status).toBe(429);
      }
      expect((await verify("2001:db8:48:ffff::1")).status).toBe(429);
      for (const address of ["2001:db8:49::1", "2001:db8:47:ffff::1", "198.51.100.1"]) {
        expect((await verify(address)).status).toBe(200);
      }
    } finally {
      await proxied.close();
    }
  });

  test("LG-2: wrong passwords do not block an account longer if the clock was an hour ahead and is set back", async () => {
    await pass(3600);
    await fail("hasty");
    expectThrottled(await attempt(gate, "hasty"), 1);
    await pass(-3600);
    await fail("hasty");
    expectThrottled(await attempt(gate, "hasty"), 1);
  });

  test("LG-2: are forgotten 15 minutes after the last one, and not before", async () => {
    await gate.user("ivy");
    await fail("ivy", FREE - 1);
    await pass(15 * MINUTE - 1);
    await fail("ivy", 1);
    expectThrottled(await attempt(gate, "ivy"), 1);
    await pass(1 + 15 * MINUTE);
    // Redis forgets a millisecond later than the other stores.
    if (clock !== undefined) await pass(0.001);
    await fail("ivy", FREE);
    expectThrottled(await attempt(gate, "ivy"), 1);
  });

  test("LG-2: a wait ends at the exact millisecond, and is reported in seconds, rounded up", async () => {
    await gate.user("jan");
    await fail("jan");
    await pass(0.001);
    expectThrottled(await attempt(gate, "jan", PASSWORD), 1);
    await pass(0.998);
    expectThrottled(await attempt(gate, "jan", PASSWORD), 1);
    await pass(0.001);
    await fail("jan", 1);
    await pass(0.999);
    expectThrottled(await attempt(gate, "jan", PASSWORD), 2);
    await pass(1);
    await pass(0.001);
    expect((await attempt(gate, "jan", PASSWORD)).status).toBe(200);
  });

  if (isShared) {
    test("OP-8, LG-2: two servers share the counters, and a restarted server still has them", async () => {
      await gate.user("kim");
      const [first, second] = [await gate.another(), await gate.another()];
      try {
        for (const server of [first, second, first, second, first]) {
          expect(await attempt(server, "kim")).toMatchObject(REFUSED);
        }
        for (const server of [second, first, gate]) {
          expectThrottled(await attempt(server, "kim", PASSWORD), 1);
        }
      } finally {
        await first.close();
        await second.close();
      }
      const third = await gate.another();
      try {
        await pass(1);
        expect(await attempt(third, "kim")).toMatchObject(REFUSED);
        expectThrottled(await attempt(third, "kim", PASSWORD), 2);
      } finally {
        await third.close();
      }
    });

    test("LG-5: 40 concurrent attempts on two servers are not checked more often than on one", async () => {
      await gate.user("lee");
      const other = await gate.another();
      try {
        const answers = await Promise.all(
          Array.from({ length: 40 }, (_, index) => attempt(index % 2 ? gate : other, "lee")),
        );
        expect(countHashed(gate, "lee") + countHashed(other, "lee")).toBe(FREE);
        expect(answers.filter(({ status }) => status === 429)).toHaveLength(40 - FREE);
      } finally {
        await other.close();
      }
    });
  }
});

describe("attempts counted in memory", () => {
  test("LG-2: a client that accepts application/json gets the same error with status 200", async () => {
    const gate = await Gate.open({ loginFailuresPerAccount: 1 });
    try {
      const headers = { accept: "application/json" };
      await attempt(gate, "plain");
      const answer = await attempt(gate, "plain", PASSWORD, { headers });
      expect(answer).toMatchObject({ status: 200, data: null, code: "TOO_MANY_REQUESTS" });
      expect(answer.errors?.[0]?.extensions).toMatchObject({ reason: "throttled", retryAfter: 1 });
    } finally {
      await gate.close();
    }
  });

  test("are not stored in the database", async () => {
    const gate = await Gate.open();
    try {
      await attempt(gate, "nobody");
      expect(await gate.sql("SELECT key FROM throttle")).toEqual([]);
    } finally {
      await gate.close();
    }
  });

  const RULE = { name: "any", limit: FREE, window: 60, delay: { first: 1, max: 900 } };

  test("LG-2, OP-8: 500,000 made-up names do not make attacked accounts forget their failures", async () => {
    const limiter = new MemoryLimiter(RULE, () => 0);
    // These names are spread, so that some share a counter with made-up names.
    const accounts = Array.from({ length: 20 }, (_, index) =>
      createHash("sha256").update(`${index}`).digest("hex"),
    );
    for (const account of accounts) {
      for (let turn = 0; turn < FREE; turn += 1) await limiter.consume(`blocked ${account}`);
      for (let turn = 1; turn < FREE; turn += 1) await limiter.consume(`almost ${account}`);
    }
    for (let name = 0; name < 500_000; name += 1) await limiter.consume(name.toString());
    for (const account of accounts) {
      expect(await limiter.consume(`blocked ${account}`)).toBe(1000);
      // This account may have one more attempt at most. Then it is blocked.
      await limiter.consume(`almost ${account}`);
      expect(await limiter.consume(`almost ${account}`)).toBeGreaterThan(0);
    }
    // The other accounts still have free attempts. Some of them have lost one or two.
    let free = 0;
    for (let account = 0; account < 1000; account += 1) {
      if ((await limiter.consume(`account ${account}`)) === 0) free += 1;
    }
    expect(free).toBeGreaterThan(990);
  });

  test("LG-2, OP-8: 120,000 made-up names that are blocked do not make another account forget its failures", async () => {
    const limiter = new MemoryLimiter(RULE, () => 0);
    for (let turn = 0; turn < FREE; turn += 1) await limiter.consume("blocked");
    for (let name = 0; name < 120_000; name += 1) {
      for (let turn = 0; turn < FREE; turn += 1) await limiter.consume(name.toString());
    }
    expect(await limiter.consume("blocked")).toBe(1000);
  });

  test("few accounts need little memory", async () => {
    const limiter = new MemoryLimiter(RULE, () => 0);
    const before = process.memoryUsage().arrayBuffers;
    for (let turn = 0; turn < 3; turn += 1) {
      for (const name of ["ada", "bea"]) await limiter.consume(name);
      await limiter.reset("bea");
    }
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 20);
  });

  test("LG-2, OP-8: an evicted account is forgotten when its time is over, or when it is unlocked", async () => {
    let now = 0;
    const limiter = new MemoryLimiter(RULE, () => now);
    const evict = async () => {
      for (let name = 0; name < 100_001; name += 1) await limiter.consume(`${now} ${name}`);
    };
    const block = async (name: string) => {
      for (let turn = 0; turn < FREE; turn += 1) await limiter.consume(name);
    };
    for (const name of ["waits", "unlocked"]) await block(name);
    await evict();
    await limiter.reset("unlocked");
    expect(await limiter.consume("unlocked")).toBe(0);
    now = 999;
    expect(await limiter.consume("waits")).toBe(1);
    now = 1000;
    expect(await limiter.consume("waits")).toBe(0);
    expect(await limiter.consume("waits")).toBe(2000);
    await evict();
    now += 2000 + RULE.window * 1000;
    for (let turn = 1; turn < FREE; turn += 1) expect(await limiter.consume("waits")).toBe(0);
  });

  test("LG-3, OP-8: an evicted address without a delay stays blocked until its window ends", async () => {
    let now = 0;
    const limiter = new MemoryLimiter({ name: "any", limit: 2, window: 60 }, () => now);
    for (let turn = 0; turn < 2; turn += 1) await limiter.consume("blocked");
    await limiter.consume("half");
    for (let name = 0; name < 20_001; name += 1) await limiter.consume(`early ${name}`);
    expect(await limiter.consume("blocked")).toBe(60_000);
    expect([await limiter.consume("half"), await limiter.consume("half")]).toEqual([0, 60_000]);
    now = 59_999;
    expect(await limiter.consume("blocked")).toBe(1);
    now = 60_000;
    expect([await limiter.consume("blocked"), await limiter.consume("blocked")]).toEqual([0, 0]);
  });

  describe("of evicted addresses", () => {
    const rule = { name: "any", limit: FREE, window: 60 };
    /** Two keys with the same hash, so that they share a counter once they are evicted. */
    const [ONE, OTHER] = ["name 4488", "name 9494"];
    let now = 0;
    let limiter: MemoryLimiter;

    beforeEach(() => {
      now = 0;
      limiter = new MemoryLimiter(rule, () => now);
    });

    async function consume(key: string, times: number): Promise<number[]> {
      const waits = [];
      for (let turn = 0; turn < times; turn += 1) waits.push(await limiter.consume(key));
      return waits;
    }

    async function evictAll(): Promise<void> {
      for (let name = 0; name < 20_000; name += 1) await limiter.consume(`${now} ${name}`);
    }

    test("LG-3, OP-8: the higher of two numbers counts for addresses with the same hash", async () => {
      await consume(ONE, FREE - 1);
      await consume(OTHER, 1);
      await evictAll();
      expect(await consume(ONE, 2)).toEqual([0, 60_000]);
    });

    test("LG-3, OP-8: are forgotten when their window ends, also if the address is evicted again", async () => {
      await consume(ONE, FREE);
      await evictAll();
      now = 60_000;
      await consume(ONE, 1);
      await evictAll();
      expect(await consume(ONE, FREE)).toEqual([...Array<number>(FREE - 1).fill(0), 60_000]);
    });

    test("LG-3, OP-8: do not count for another address with the same hash after their window", async () => {
      await consume(ONE, FREE);
      now = 30_000;
      await consume(OTHER, 1);
      // The attempt that is refused makes this address the one that is evicted last.
      expect(await consume(ONE, 1)).toEqual([30_000]);
      now = 60_000;
      await evictAll();
      expect(await consume(OTHER, FREE)).toEqual([...Array<number>(FREE - 1).fill(0), 30_000]);
    });
  });
});

test("prune deletes expired counters from the database, and no others", async () => {
  const gate = await Gate.open({ throttleStore: "database", loginFailuresPerAccount: 2 });
  try {
    const count = async () => (await gate.sql("SELECT count(*) AS n FROM throttle"))[0].n;
    await attempt(gate, "early");
    gate.advance(10 * MINUTE);
    for (let turn = 0; turn < 2; turn += 1) await attempt(gate, "late");
    const before = await count();
    expect(before).toBeGreaterThanOrEqual(3);
    gate.advance(5 * MINUTE - 1);
    const expired = await gate.auth.maintenance.prune();
    expect(await count()).toBe(before - expired);
    gate.advance(1);
    expect(await gate.auth.maintenance.prune()).toBe(1);
    expect(await attempt(gate, "late")).toMatchObject(REFUSED);
    expectThrottled(await attempt(gate, "late"), 2);
    gate.advance(15 * MINUTE + 2);
    await gate.auth.maintenance.prune();
    expect(await count()).toBe(0);
  } finally {
    await gate.close();
  }
});

test("the keys of the counters depend on the secret, so that a reader of the store cannot guess whom they count", async () => {
  const [old, next] = [generateSecretKey(), generateSecretKey()];
  const gate = await Gate.open({ secretKey: old, throttleStore: "database" });
  try {
    const countKeys = async () => (await gate.sql("SELECT key FROM throttle")).length;
    await attempt(gate, "nobody");
    await attempt(gate, "nobody");
    const count = await countKeys();
    const renewed = await gate.another({ secretKey: [next, old] });
    await attempt(renewed, "nobody");
    expect(count).toBeGreaterThan(0);
    expect(await countKeys()).toBe(2 * count);
  } finally {
    await gate.close();
  }
});

test.each(DATABASES)(
  "LG-5: over %s an attempt is refused after ten tries if others always block its key just after it was read",
  async (database) => {
    const gate = await Gate.open({}, database);
    try {
      let tries = 0;
      const read = () => {
        tries += 1;
        return Promise.resolve([]);
      };
      const rule = { name: "races", limit: 1, window: MINUTE };
      const limiter = new SqlLimiter(rule, { ...gate.core.sql, read }, () => gate.now);
      expect(await limiter.consume("key")).toBe(0);
      tries = 0;
      expect(await limiter.consume("key")).toBeGreaterThan(0);
      expect(tries).toBe(10);
    } finally {
      await gate.close();
    }
  },
);
