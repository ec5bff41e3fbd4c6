import { beforeAll, describe, expect, test } from "@jest/globals";
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

  describe("lastUsedAt", () => {
    test.each(["JWT", "TOKEN", "SLIDING"] as const)(
      "ST-3, W32: is written at most once a minute for a session by %s, however often it is used",
      async (scheme) => {
        const { authorization, session } = await gate.login("ada", scheme);
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

    test("ST-3: costs a request no further statement", async () => {
      const { authorization } = await gate.login("ada");
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
      await Promise.all(tokens.map((authorization) => gate.me(authorization)));
      expect(await countStatements(() => gate.core.sessions.flush())).toBeLessThanOrEqual(2);
      const unwritten = "SELECT id FROM session WHERE last_used_at IS NULL AND scheme = 'TOKEN'";
      expect(await gate.sql(unwritten)).toEqual([]);
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
