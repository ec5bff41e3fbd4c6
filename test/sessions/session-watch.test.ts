import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import { Roles } from "../../src/accounts/role.js";
import { SessionWatch, type WatchedSession } from "../../src/sessions/session-watch.js";
import type { Sql } from "../../src/sql.js";
import { eventually } from "../support/eventually.js";
import { describeGates } from "../support/gate.js";

beforeEach(() => {
  jest.useFakeTimers();
});

afterEach(() => {
  jest.useRealTimers();
});

const settings = { now: () => Date.now(), roles: new Roles() };

/** Returns a watch over a database in which no session is live. */
function watchNothing() {
  const statements: unknown[][] = [];
  const readOnce = (_statement: string, parameters: unknown[]) => {
    statements.push(parameters.filter((value) => String(value).startsWith("session")));
    return Promise.resolve([]);
  };
  return { statements, watch: new SessionWatch({ readOnce } as unknown as Sql, settings) };
}

function session(id: string, onChange = () => Promise.resolve()): WatchedSession {
  return { id, role: "USER", expiresAt: null, onChange };
}

test("all watched sessions are read together, at most 1,000 by one statement, and each once", async () => {
  const { statements, watch } = watchNothing();
  for (let index = 0; index < 2500; index += 1) watch.add(session(`session${index % 2400}`));
  await jest.advanceTimersByTimeAsync(499);
  expect(statements).toEqual([]);
  await jest.advanceTimersByTimeAsync(1);
  expect(statements.map(({ length }) => length)).toEqual([1000, 1000, 400]);
});

test("without watched sessions nothing is read, and no timer runs", async () => {
  const { statements, watch } = watchNothing();
  const stops = [watch.add(session("session1")), watch.add(session("session1"))];
  stops[0]!();
  await jest.advanceTimersByTimeAsync(500);
  expect(statements).toEqual([["session1"]]);
  stops[1]!();
  await jest.advanceTimersByTimeAsync(60_000);
  expect(statements.length).toBe(1);
  expect(jest.getTimerCount()).toBe(0);
});

test("the next check waits for a slow one, and a failed check is repeated", async () => {
  let reads = 0;
  const answers = [
    () => new Promise((resolve) => setTimeout(resolve, 10_000, [])),
    () => Promise.reject(new Error("away")),
    () => Promise.resolve([]),
  ];
  const readOnce = () => {
    reads += 1;
    return answers[reads - 1]!();
  };
  const watch = new SessionWatch({ readOnce } as unknown as Sql, settings);
  let changes = 0;
  watch.add(
    session("session1", () => {
      changes += 1;
      return new Promise((resolve) => setTimeout(resolve, 10_000));
    }),
  );
  await jest.advanceTimersByTimeAsync(10_000);
  expect([reads, changes]).toEqual([1, 0]);
  await jest.advanceTimersByTimeAsync(500);
  expect([reads, changes]).toEqual([1, 1]);
  await jest.advanceTimersByTimeAsync(10_000);
  expect([reads, changes]).toEqual([1, 1]);
  await jest.advanceTimersByTimeAsync(500);
  expect([reads, changes]).toEqual([2, 1]);
  await jest.advanceTimersByTimeAsync(500);
  expect([reads, changes]).toEqual([3, 2]);
});

describeGates((gate) => {
  let users = 0;

  beforeEach(() => {
    jest.useRealTimers();
  });

  test.each(["TOKEN", "JWT", "SLIDING"] as const)(
    "context.watch notices the end, a new role and the expiry of a %s session, and nothing else",
    async (scheme) => {
      const watched = async () => {
        const id = await gate.user(`user${(users += 1)}`);
        const { authorization, session: opened } = await gate.issue(id, scheme);
        const context = await gate.auth.createContext({ headers: { authorization } });
        const seen = { id, authorization, sessionId: opened.id, changes: 0, stop: () => undefined };
        const stop = context.watch(() => {
          seen.changes += 1;
          return Promise.resolve();
        });
        return Object.assign(seen, { stop });
      };
      const [ended, raised, stopped, bystander, other] = [
        await watched(),
        await watched(),
        await watched(),
        await watched(),
        await watched(),
      ];
      stopped.stop();
      await gate.logout(ended);
      await gate.logout(stopped);
      await gate.auth.accounts.setRole(raised.id, "ADMIN");
      await eventually(() => ended.changes > 1 && raised.changes > 0);
      expect(raised.changes).toBe(1);
      expect([stopped.changes, bystander.changes, other.changes]).toEqual([0, 0, 0]);
      if (scheme === "JWT") gate.advance(310);
      else await gate.sql("UPDATE session SET expires_at = 1 WHERE id = ?", [other.sessionId]);
      await eventually(() => other.changes > 0);
      for (const { stop } of [ended, raised, bystander, other]) stop();
    },
  );

  test("all watchers are notified once the service is closed", async () => {
    const another = await gate.another();
    const { authorization } = await gate.issue(await gate.user("closed"));
    const context = await another.auth.createContext({ headers: { authorization } });
    let refusal: unknown;
    const told = new Promise<void>((resolve) => {
      context.watch(async () => {
        refusal = (await context.renew()).authError;
        resolve();
      });
    });
    await another.close();
    await told;
    expect(refusal).toMatchObject({ code: "SERVICE_UNAVAILABLE" });
  });
});
