import { setImmediate as nextTurn } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { RunningChecks } from "../../src/throttling/running-checks.js";
import { attempt, countHashed, WRONG } from "../support/attempts.js";
import type { DatabaseKind } from "../support/databases.js";
import { fakeTimeouts } from "../support/fake-timers.js";
import { DATABASES, type Gate, PASSWORD, setUpGate } from "../support/gate.js";
import { setUpStoppedRedis } from "../support/redis-servers.js";

const FREE = 5;
const OVERLONG = "x".repeat(257);

const redis = await setUpStoppedRedis();

const STORES: [name: string, database: DatabaseKind, options: object][] = [
  ["memory", "sqlite", {}],
  ...DATABASES.map((database): [string, DatabaseKind, object] => [
    `database (${database})`,
    database,
    { throttleStore: "database" },
  ]),
  ...(redis === undefined
    ? []
    : [["redis", "sqlite", { redisUrl: redis.server.url }] as [string, DatabaseKind, object]]),
];

/** Sends these logins at once, and counts the responses of each status. */
async function atOnce(gate: Gate, name: string, passwords: string[]) {
  const answers = await Promise.all(passwords.map((password) => attempt(gate, name, password)));
  const count = (status: number) => answers.filter((answer) => answer.status === status).length;
  return { right: count(200), wrong: count(401), refused: count(429) };
}

describe.each(STORES)("counted in %s, logins of one account at once", (name, database, options) => {
  const gate = setUpGate({ loginFailuresPerAccount: FREE, ...options }, database);

  // Otherwise, an attempt would be counted in memory if the answer of Redis took half a second.
  if (name === "redis") beforeEach(fakeTimeouts);
  afterEach(() => {
    jest.useRealTimers();
  });

  test("eight with the right password all succeed, even after wrong ones", async () => {
    await gate.user("ada");
    for (const failures of [0, FREE - 1]) {
      for (let turn = 0; turn < failures; turn += 1) await attempt(gate, "ada");
      const all = await atOnce(gate, "ada", Array(8).fill(PASSWORD));
      expect(all).toEqual({ right: 8, wrong: 0, refused: 0 });
    }
  });

  test("LG-5: eight with a wrong password are refused, only five of them are checked, and then the right password has to wait", async () => {
    for (const account of ["bea", "nobody"]) {
      if (account === "bea") await gate.user(account);
      const all = await atOnce(gate, account, Array(8).fill(WRONG));
      expect(all).toEqual({ right: 0, wrong: FREE, refused: 3 });
      expect((await attempt(gate, account, PASSWORD)).status).toBe(429);
    }
  });

  test("LG-5: a right password among wrong ones allows no more checks than a sequence of logins would", async () => {
    await gate.user("cyd");
    const passwords: string[] = Array(12).fill(WRONG);
    passwords.splice(2, 0, PASSWORD);
    await atOnce(gate, "cyd", passwords);
    // At most four wrong passwords come before the right one, and five after it.
    expect(countHashed(gate, "cyd")).toBeLessThanOrEqual(2 * FREE - 1);
  });

  test("malformed input does not count as an attempt, neither for the account nor for the address", async () => {
    await gate.user("dan");
    const other = await gate.another({ loginsPerAddress: 1 });
    try {
      for (const password of [...Array<string>(20).fill(OVERLONG), "", "\ud800"]) {
        expect((await attempt(other, "dan", password)).code).toBe("BAD_USER_INPUT");
      }
      expect((await attempt(other, "dan", PASSWORD)).status).toBe(200);
    } finally {
      await other.close();
    }
  });
});

describe("running checks", () => {
  const allow = () => Promise.resolve(0);
  const isRight = () => Promise.resolve(true);
  let checks: RunningChecks;

  beforeEach(() => {
    checks = new RunningChecks();
  });

  /** Starts a check that runs until `finish` is called. */
  function start() {
    let finish: (isRight: boolean) => void = () => undefined;
    const ended = checks.run("key", allow, () => new Promise((resolve) => (finish = resolve)));
    return {
      ended,
      finish: (isRight: boolean) => {
        finish(isRight);
      },
    };
  }

  /** Starts an attempt whose key is blocked at its first try only. */
  function attemptOnceBlocked(): Promise<unknown> {
    const waits = [1000, 0];
    return checks.run("key", () => Promise.resolve(waits.shift() ?? 0), isRight);
  }

  test("an attempt whose key is blocked waits for the oldest running check, also after a later one has failed", async () => {
    const oldest = start();
    expect(await checks.run("key", allow, () => Promise.resolve(false))).toBe(false);
    const blocked = attemptOnceBlocked();
    await nextTurn();
    oldest.finish(true);
    expect(await Promise.all([oldest.ended, blocked])).toEqual([true, true]);
  });

  test("an attempt at a blocked key waits for an earlier attempt that is still being counted", async () => {
    let finishCounting: (wait: number) => void = () => undefined;
    const counting = new Promise<number>((resolve) => (finishCounting = resolve));
    const earlier = checks.run("key", () => counting, isRight);
    const later = attemptOnceBlocked();
    await nextTurn();
    finishCounting(0);
    expect(await Promise.allSettled([earlier, later])).toEqual([
      { status: "fulfilled", value: true },
      { status: "fulfilled", value: true },
    ]);
  });

  test("an attempt at a blocked key goes on as soon as one running check finds the credential right", async () => {
    const [slow, right] = [start(), start()];
    const blocked = attemptOnceBlocked();
    await nextTurn();
    right.finish(true);
    expect(await Promise.all([right.ended, blocked])).toEqual([true, true]);
    slow.finish(false);
    expect(await slow.ended).toBe(false);
  });

  test("an attempt at a blocked key is refused without a second try if the running checks find no right credential", async () => {
    const running = start();
    let tries = 0;
    const block = () => {
      tries += 1;
      return Promise.resolve(1000);
    };
    const blocked = checks.run("key", block, isRight);
    await nextTurn();
    running.finish(false);
    await expect(blocked).rejects.toMatchObject({ wait: 1000 });
    expect([await running.ended, tries]).toEqual([false, 1]);
  });
});
