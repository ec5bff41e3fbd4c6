import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import type { Database } from "../../src/database/database.js";
import { ServiceUnavailable } from "../../src/errors.js";
import { describePostgres } from "../support/databases.js";
import { eventually } from "../support/eventually.js";
import { fakeTimeouts } from "../support/fake-timers.js";
import { type Gate, setUpFreshGate } from "../support/gate.js";
import { lockPostgres } from "../support/locks.js";
import { TcpProxy } from "../support/tcp-proxy.js";
import { type Credentials, expectUnavailable, operationsOf, signIn } from "./outage.js";

/** The longest waits of a read and a write, in milliseconds. */
const READ = 2000;
const WRITE = 5000;
/** How long an attempt to connect waits for an answer, in milliseconds. */
const CONNECT = 650;
/** The number of requests at once. It is larger than the number of the pool's connections. */
const MANY = 25;

/** From now on, time passes only when a test says so, however slow the machine is. */
function stopTime(): void {
  fakeTimeouts();
  const origin = performance.now() - jest.now();
  jest.spyOn(performance, "now").mockImplementation(() => origin + jest.now());
}

function resumeTime(): void {
  jest.useRealTimers();
  jest.restoreAllMocks();
}

/** Returns whether a statement runs, or waits for a connection. */
function isWaiting({ core }: Gate): boolean {
  const { used, waiting } = (core.sql as Database).connections;
  return used + waiting > 0;
}

/** Runs this. Lets time pass only while the database keeps a statement waiting. Returns how long that was. */
async function waitOf<Result>(gate: Gate, run: () => Promise<Result>): Promise<[Result, number]> {
  const start = jest.now();
  const onEnd = jest.fn();
  const hasEnded = () => onEnd.mock.calls.length > 0;
  const running = run().finally(onEnd);
  running.catch(() => undefined);
  for (;;) {
    await eventually(() => hasEnded() || isWaiting(gate));
    if (hasEnded()) return [await running, jest.now() - start];
    await jest.advanceTimersByTimeAsync(10);
  }
}

describePostgres("behind a network that fails", () => {
  // This must come before the gate is closed.
  afterEach(resumeTime);
  const direct = setUpFreshGate({}, "postgresql");
  let credentials: Credentials;
  let proxy: TcpProxy;
  let gate: Gate;

  beforeEach(async () => {
    credentials = await signIn(direct);
    proxy = await TcpProxy.open(direct.databaseUrl);
    gate = await direct.another({ databaseUrl: proxy.url });
    await askMany();
    await gate.flush();
    stopTime();
  });
  afterEach(() => proxy.close());

  const askMany = () =>
    Promise.all(Array.from({ length: MANY }, () => gate.me(credentials.fixed.authorization)));

  /** Returns all sessions without `lastUsedAt`, which is written later on purpose. */
  const readSessions = async () =>
    (await direct.sql("SELECT * FROM session ORDER BY id")).map((session) => ({
      ...session,
      last_used_at: null,
    }));

  const outages: Record<string, () => void> = {
    "drops everything, and forgets its connections": () => {
      proxy.silence();
    },
    "holds everything back, and delivers it later": () => {
      proxy.hang();
    },
    "refuses and resets connections": () => {
      proxy.cut();
    },
  };

  test.each(Object.entries(outages))(
    "H-28, OP-8: that %s: every operation is SERVICE_UNAVAILABLE in time, and changes nothing later",
    async (_, begin) => {
      const before = await readSessions();
      begin();
      for (const [operation, run] of operationsOf(gate, credentials)) {
        const [answer, waited] = await waitOf(gate, run);
        expectUnavailable(answer, operation);
        expect(waited).toBeLessThanOrEqual(operation.startsWith("me") ? READ : WRITE);
      }
      const [many] = await waitOf(gate, askMany);
      for (const answer of many) expectUnavailable(answer, "me");
      proxy.pass();
      await sleep(500);
      expect(await readSessions()).toEqual(before);
      expect((await gate.refresh(credentials.jwt.refresh)).status).toBe(200);
    },
  );

  test.each(Object.entries(outages))(
    "OP-8: that %s: no statement waits longer than its limit, even if many need a connection",
    async (_, begin) => {
      const { sql } = gate.core;
      begin();
      const start = jest.now();
      const [waits] = await waitOf(gate, () =>
        Promise.all(
          Array.from({ length: MANY }, async (_, index) => {
            const isRead = index % 2 === 0;
            const running = isRead ? sql.read("SELECT 1", []) : sql.write("SELECT 1", []);
            await expect(running).rejects.toBeInstanceOf(ServiceUnavailable);
            return [isRead ? READ : WRITE, jest.now() - start] as const;
          }),
        ),
      );
      for (const [limit, waited] of waits) expect(waited).toBeLessThanOrEqual(limit);
    },
  );

  test.each(Object.entries(outages))(
    "that %s: requests succeed soon after the network is back",
    async (_, begin) => {
      begin();
      await waitOf(gate, askMany);
      // These requests have just begun to connect when the network is back.
      const late = askMany();
      await sleep(100);
      proxy.pass();
      await jest.advanceTimersByTimeAsync(CONNECT);
      await eventually(async () => (await gate.me(credentials.fixed.authorization)).status === 200);
      await late;
      const after = await askMany();
      expect(new Set(after.map(({ status }) => status))).toEqual(new Set([200]));
    },
  );

  test("a request is answered even if its first attempt to connect got no answer", async () => {
    proxy.silence();
    await waitOf(gate, askMany);
    const late = askMany();
    await sleep(100);
    proxy.pass();
    await jest.advanceTimersByTimeAsync(CONNECT);
    expect(new Set((await late).map(({ status }) => status))).toEqual(new Set([200]));
  });
});

describePostgres("statements on a locked table", () => {
  afterEach(resumeTime);
  const gate = setUpFreshGate({}, "postgresql");
  const WRITES = `UPDATE session SET label = 'late' RETURNING id`;
  /** The code by which PostgreSQL says that its own timeout has ended a statement. */
  const ENDED_BY_SERVER = { cause: { code: "57014" } };

  test("a read is refused in time, and runs again when the table is free", async () => {
    const { authorization } = await gate.issue(await gate.user("ada"));
    const release = await lockPostgres("LOCK TABLE session IN ACCESS EXCLUSIVE MODE")(gate);
    await gate.flush();
    stopTime();
    const [answer, waited] = await waitOf(gate, () => gate.me(authorization)).finally(release);
    expectUnavailable(answer, "me");
    expect(waited).toBe(READ);
    expect((await gate.me(authorization)).status).toBe(200);
  });

  test("OP-8: PostgreSQL ends a write before the server stops waiting for it, even if the write waited for a connection", async () => {
    const { core } = await gate.another({ databasePoolSize: 1 });
    const release = await lockPostgres("LOCK TABLE session IN EXCLUSIVE MODE")(gate);
    try {
      await expect(core.sql.write(WRITES, [])).rejects.toMatchObject(ENDED_BY_SERVER);
      const reading = core.sql.read("SELECT pg_sleep(1.2)::text", []);
      await expect(core.sql.write(WRITES, [])).rejects.toMatchObject(ENDED_BY_SERVER);
      await reading;
    } finally {
      await release();
    }
  });
});
