import { beforeAll, describe, expect, test } from "@jest/globals";
import { serveBeside } from "../support/command.js";
import { describePostgres } from "../support/databases.js";
import { describeGates, setUpGate } from "../support/gate.js";
import { countWaiting, LOCK_TABLES, lockPostgres } from "../support/locks.js";
import { eventually } from "../support/eventually.js";
import { countStatements } from "../support/statements.js";
import { TcpProxy } from "../support/tcp-proxy.js";

const SESSIONS = 40;
const TIMEOUT = 120_000;

/** The number of refreshes that have reached the hook, which runs right before their rotation. */
let arrived = 0;
const counting = {
  name: "counting",
  create: () => ({ hooks: { beforeRefresh: () => void (arrived += 1) } }),
};

describeGates({ now: Date.now, features: [counting] }, (gate, kind) => {
  let ada: string;

  beforeAll(async () => {
    ada = await gate.user("ada");
  });

  const issueMany = async (count = SESSIONS) => {
    const issued = [];
    for (let index = 0; index < count; index += 1) issued.push(await gate.issue(ada));
    return issued;
  };

  test("RF-1: refreshes that arrive together share statements, and each gets its own answer", async () => {
    const live = await issueMany();
    const [ended, replaced] = await issueMany(2);
    await gate.logout({ refresh: ended!.refresh });
    const successor = await gate.refresh(replaced!.refresh);
    await gate.sql("UPDATE session SET rotated_at = rotated_at - 60000 WHERE id = ?", [
      replaced!.session.id,
    ]);
    const tokens = [...live, ended!, replaced!].map(({ refresh }) => refresh);
    const [first = "", ...others] = tokens;
    let answers: Awaited<ReturnType<typeof gate.refresh>>[] = [];
    const statements = await countStatements(async () => {
      const unlock = await LOCK_TABLES[kind](gate);
      arrived = 0;
      const running = [gate.refresh(first)];
      await eventually(() => arrived === 1);
      running.push(...others.map((token) => gate.refresh(token)));
      await eventually(() => arrived === tokens.length);
      await unlock();
      answers = await Promise.all(running);
    });
    // The lock takes two statements. On PostgreSQL, a refused rotation is tried once more.
    expect(statements).toBeLessThan(16);
    const refreshed = answers.slice(0, SESSIONS).map(({ data }) => data.refreshToken);
    expect(new Set(refreshed.map(({ refresh }) => refresh)).size).toBe(SESSIONS);
    for (const { access } of refreshed) {
      expect((await gate.me(`Bearer ${access}`)).status).toBe(200);
    }
    expect(answers.slice(SESSIONS).map(({ reason }) => reason)).toEqual([
      "token_revoked",
      "token_reused",
    ]);
    expect((await gate.refresh(successor.data.refreshToken.refresh)).reason).toBe("token_reused");
  });

  describe("after kill -9", () => {
    test(
      "RF-1: every refresh token that a client has received is accepted",
      async () => {
        const tokens = (await issueMany()).map(({ refresh }) => refresh);
        const first = await serveBeside(gate, gate.secretKey);
        // It starts now, because a client that got no answer repeats its refresh within the reuse window.
        const second = await serveBeside(gate, gate.secretKey);
        let refreshes = 0;
        const clients = tokens.map(async (_, index) => {
          for (;;) {
            const response = await gate
              .refresh(tokens[index]!, { url: first.url })
              .catch(() => undefined);
            if (response === undefined) return;
            tokens[index] = response.data.refreshToken.refresh as string;
            refreshes += 1;
          }
        });
        await eventually(() => refreshes > 10 * SESSIONS, TIMEOUT);
        await first.stop("SIGKILL");
        await Promise.all(clients);
        const answers = await Promise.all(
          tokens.map((token) => gate.refresh(token, { url: second.url })),
        );
        expect(answers.map(({ status, reason }) => [status, reason])).toEqual(
          tokens.map(() => [200, undefined]),
        );
        await second.stop();
      },
      2 * TIMEOUT,
    );
  });
});

describePostgres("over postgresql", () => {
  const gate = setUpGate({ now: Date.now }, "postgresql");

  test("a session that another transaction has locked does not delay other refreshes", async () => {
    const bob = await gate.user("bob");
    const sessions = [];
    for (let index = 0; index < 8; index += 1) sessions.push(await gate.issue(bob));
    const [locked, ...others] = sessions;
    const lock = `SELECT id FROM session WHERE id = '${locked!.session.id}' FOR UPDATE`;
    const unlock = await lockPostgres(lock)(gate);
    try {
      const [early, late] = [others.slice(0, 4), others.slice(4)];
      const answersOf = (some: typeof others) =>
        Promise.all(some.map(({ refresh }) => gate.refresh(refresh)));
      // These refreshes arrive together with that of the locked session, so one statement has all of them.
      const answering = answersOf(early);
      const waiting = gate.refresh(locked!.refresh);
      await eventually(async () => (await countWaiting(gate)) === 1);
      const answers = [...(await answering), ...(await answersOf(late))];
      expect(answers.map(({ status }) => status)).toEqual(others.map(() => 200));
      expect(await countWaiting(gate)).toBe(1);
      await unlock();
      expect((await waiting).status).toBe(200);
    } finally {
      await unlock();
    }
  });

  test("a statement whose connection hangs does not delay later refreshes", async () => {
    const ada = await gate.user("ada");
    const [first, second] = [await gate.issue(ada), await gate.issue(ada)];
    const proxy = await TcpProxy.open(gate.databaseUrl);
    const other = await gate.another({ databaseUrl: proxy.url });
    try {
      proxy.hangAt("UPDATE session SET generation");
      const answer = (refresh: string) => gate.refresh(refresh, { url: other.url });
      const hanging = answer(first.refresh);
      await eventually(() => proxy.hasHung);
      const { status } = await answer(second.refresh);
      expect(status).toBe(200);
      proxy.pass();
      expect((await hanging).status).toBe(200);
    } finally {
      await proxy.close();
    }
  });
});
