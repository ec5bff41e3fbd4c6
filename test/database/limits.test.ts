import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { describePostgres } from "../support/databases.js";
import { eventually } from "../support/eventually.js";
import { type Gate, setUpFreshGate } from "../support/gate.js";
import { lockPostgres } from "../support/locks.js";
import { ownTimeOf } from "../support/measure.js";
import { TcpProxy } from "../support/tcp-proxy.js";
import { type Credentials, expectUnavailable, operationsOf, signIn } from "./outage.js";

/**
 * The longest times for a read and a write, in milliseconds. They exceed the limits of 2 and 5 seconds. Without limits,
 * requests take 10 seconds.
 */
const READ = 4000;
const WRITE = 8000;
/**
 * The longest time from the end of an outage to the first success, in milliseconds. Without limits, it takes at least
 * 5 seconds.
 */
const RECOVERY = 4500;
/** The number of requests at once. It is larger than the number of the pool's connections. */
const MANY = 25;

async function time<Result>(run: () => Promise<Result>): Promise<[Result, number]> {
  const result = run();
  const took = await ownTimeOf(() => result);
  return [await result, took];
}

describePostgres("behind a network that fails", () => {
  const direct = setUpFreshGate({}, "postgresql");
  let credentials: Credentials;
  let proxy: TcpProxy;
  let gate: Gate;

  beforeEach(async () => {
    credentials = await signIn(direct);
    proxy = await TcpProxy.open(direct.databaseUrl);
    gate = await direct.another({ databaseUrl: proxy.url });
    await askMany();
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

  /** Returns how long it takes until a request succeeds. */
  async function measureRecovery(): Promise<number> {
    return ownTimeOf(() =>
      eventually(async () => (await gate.me(credentials.fixed.authorization)).status === 200),
    );
  }

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
      const answers = operationsOf(gate, credentials).map(async ([operation, run]) => {
        const [answer, took] = await time(run);
        expectUnavailable(answer, operation);
        expect(took).toBeLessThan(operation.startsWith("me") ? READ : WRITE);
      });
      const [many, took] = await time(askMany);
      for (const answer of many) expectUnavailable(answer, "me");
      expect(took).toBeLessThan(READ);
      await Promise.all(answers);
      proxy.pass();
      await new Promise((resolve) => setTimeout(resolve, 500));
      expect(await readSessions()).toEqual(before);
      expect((await gate.refresh(credentials.jwt.refresh)).status).toBe(200);
    },
  );

  test.each(Object.entries(outages))(
    "that %s: requests succeed soon after the network is back",
    async (_, begin) => {
      begin();
      await askMany();
      // These requests have just begun to connect when the network is back.
      const late = askMany();
      await new Promise((resolve) => setTimeout(resolve, 100));
      proxy.pass();
      expect(await measureRecovery()).toBeLessThan(RECOVERY);
      await late;
      const after = await askMany();
      expect(new Set(after.map(({ status }) => status))).toEqual(new Set([200]));
    },
  );

  test("a request is answered even if its first attempt to connect got no answer", async () => {
    proxy.silence();
    await askMany();
    const late = askMany();
    await new Promise((resolve) => setTimeout(resolve, 100));
    proxy.pass();
    expect(new Set((await late).map(({ status }) => status))).toEqual(new Set([200]));
  });
});

describePostgres("statements on a locked table", () => {
  const gate = setUpFreshGate({}, "postgresql");
  const WRITES = `UPDATE session SET label = 'late' RETURNING id`;
  /** The code by which PostgreSQL says that its own timeout has ended a statement. */
  const ENDED_BY_SERVER = "57014";

  test("a read is refused in time, and runs again when the table is free", async () => {
    const { authorization } = await gate.issue(await gate.user("ada"));
    const release = await lockPostgres("LOCK TABLE session IN ACCESS EXCLUSIVE MODE")(gate);
    const [answer, took] = await time(() => gate.me(authorization)).finally(release);
    expectUnavailable(answer, "me");
    expect(took).toBeLessThan(READ);
    expect((await gate.me(authorization)).status).toBe(200);
  });

  test("OP-8: PostgreSQL ends a write before the server stops waiting for it, even if the write waited for a connection", async () => {
    const { core } = await gate.another({ databasePoolSize: 1 });
    const release = await lockPostgres("LOCK TABLE session IN EXCLUSIVE MODE")(gate);
    const codeOfWrite = () =>
      core.sql.write(WRITES, []).then(
        () => "",
        (error: unknown) => (error as { cause: { code: unknown } }).cause.code,
      );
    try {
      // A busy machine may read PostgreSQL's answer too late, but not each time.
      await eventually(async () => (await codeOfWrite()) === ENDED_BY_SERVER);
      await eventually(async () => {
        const reading = core.sql.read("SELECT pg_sleep(1.2)::text", []);
        const code = await codeOfWrite();
        await reading;
        return code === ENDED_BY_SERVER;
      });
    } finally {
      await release();
    }
  });
});
