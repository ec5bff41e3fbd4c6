import { afterEach, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { LastUsed } from "../../src/sessions/last-used.js";
import type { SessionRow } from "../../src/sessions/session-reader.js";
import type { Sql, SqlValue } from "../../src/sql.js";
import { eventually } from "../support/eventually.js";
import { fakeTimeouts } from "../support/fake-timers.js";
import { describeGates } from "../support/gate.js";
import { countStatements } from "../support/statements.js";

describeGates((gate) => {
  beforeAll(async () => {
    await gate.user("ada");
  });

  const lastUsed = async (id: string) => {
    const [row] = await gate.sql("SELECT last_used_at AS at FROM session WHERE id = ?", [id]);
    return row.at === null ? null : Number(row.at);
  };

  afterEach(() => {
    jest.useRealTimers();
  });

  describe("lastUsedAt", () => {
    test.each(["JWT", "TOKEN", "SLIDING"] as const)(
      "ST-3, W32: is written at most once a minute for a session by %s, however often it is used",
      async (scheme) => {
        const { authorization, session } = await gate.login("ada", scheme);
        // Otherwise, a use would be written after a second.
        fakeTimeouts();
        const use = async () => {
          for (let turn = 0; turn < 5; turn += 1) await gate.me(authorization);
          return countStatements(() => gate.core.sessions.flush());
        };
        expect(await lastUsed(session.id)).toBeNull();
        expect(await use()).toBe(1);
        const first = gate.now;
        expect(await lastUsed(session.id)).toBe(first);
        gate.advance(59);
        expect(await use()).toBe(0);
        expect(await lastUsed(session.id)).toBe(first);
        gate.advance(1);
        expect(await use()).toBe(1);
        expect(await lastUsed(session.id)).toBe(gate.now);
      },
    );

    test("ST-3: adds no statement to a request", async () => {
      const { authorization } = await gate.login("ada");
      fakeTimeouts();
      expect(await countStatements(() => gate.me(authorization))).toBe(1);
      await gate.core.sessions.flush();
    });

    test("ST-3: is written in two statements for 150 sessions", async () => {
      const tokens = [];
      let userId = "";
      for (let index = 0; index < 150; index += 1) {
        if (index % 50 === 0) userId = await gate.user(`user${index / 50}`);
        const issued = await gate.auth.authentication.createStaticToken(userId);
        tokens.push(`Token ${issued.token}`);
      }
      fakeTimeouts();
      await Promise.all(tokens.map((authorization) => gate.me(authorization)));
      expect(await countStatements(() => gate.core.sessions.flush())).toBeLessThanOrEqual(2);
      const unwritten = "SELECT id FROM session WHERE last_used_at IS NULL AND scheme = 'TOKEN'";
      expect(await gate.sql(unwritten)).toEqual([]);
    });

    test("ST-3: is written about a second after the use, without a further request", async () => {
      const { authorization, session } = await gate.login("ada");
      await gate.core.sessions.flush();
      await gate.me(authorization);
      await eventually(async () => (await lastUsed(session.id)) === gate.now);
    });

    test("ST-3: stays if another server has written it less than a minute ago", async () => {
      const { authorization, session } = await gate.login("ada");
      await gate.me(authorization);
      const recent = gate.now - 59_000;
      await gate.sql("UPDATE session SET last_used_at = ? WHERE id = ?", [recent, session.id]);
      await gate.core.sessions.flush();
      expect(await lastUsed(session.id)).toBe(recent);
    });

    test("ST-3: is not changed by a refused credential", async () => {
      const { authorization, token, session } = await gate.login("ada", "TOKEN");
      await gate.logout({ authorization });
      await gate.core.sessions.flush();
      const before = await lastUsed(session.id);
      gate.advance(3600);
      await gate.me(authorization);
      await gate.verify(token);
      await gate.core.sessions.flush();
      expect(await lastUsed(session.id)).toBe(before);
    });
  });
});

test("ST-3: one statement writes at most 100 sessions", async () => {
  const batches: SqlValue[][] = [];
  const write = (_statement: string, parameters: readonly SqlValue[]) => {
    batches.push(parameters.filter((value) => String(value).startsWith("session")));
    return Promise.resolve([]);
  };
  const uses = new LastUsed({ write } as unknown as Sql, () => 1_000_000);
  const ids = Array.from({ length: 150 }, (_, index) => `session${index}`);
  for (const id of ids) uses.touch({ id, lastUsedAt: null } as SessionRow);
  await uses.flush();
  expect(batches).toEqual([ids.slice(0, 100), ids.slice(100)]);
});

test("ST-3: at most 500 sessions wait for a write, and the next ones are written after a later use", async () => {
  const written: SqlValue[] = [];
  const write = (_statement: string, parameters: readonly SqlValue[]) => {
    written.push(...parameters.filter((value) => String(value).startsWith("session")));
    return Promise.resolve([]);
  };
  const uses = new LastUsed({ write } as unknown as Sql, () => 1_000_000);
  const ids = Array.from({ length: 501 }, (_, index) => `session${index}`);
  for (const id of ids) uses.touch({ id, lastUsedAt: null } as SessionRow);
  await uses.flush();
  expect(written).toEqual(ids.slice(0, 500));
  uses.touch({ id: "session500", lastUsedAt: null } as SessionRow);
  await uses.flush();
  expect(written).toEqual(ids);
});
