import { describe, expect, test } from "@jest/globals";
import { describeGates } from "../support/gate.js";

const LIMIT = 100;

describeGates((gate) => {
  /** Signs a user in `count` times, one second apart, and returns the static tokens, oldest first. */
  async function fill(userId: string, count: number, label?: string): Promise<string[]> {
    const tokens: string[] = [];
    for (let index = 0; index < count; index += 1) {
      gate.advance(1);
      const { token } = await gate.auth.authentication.createStaticToken(userId, label);
      tokens.push(token!);
    }
    gate.advance(1);
    return tokens;
  }

  const countLive = async (userId: string) => {
    const where = "user_id = ? AND ended_at IS NULL AND expires_at > ?";
    return (await gate.sql(`SELECT id FROM session WHERE ${where}`, [userId, gate.now])).length;
  };

  describe("the limit of sessions per user", () => {
    test("RF-15: is 100: when 20 concurrent logins exceed it, the 20 oldest sessions end", async () => {
      const id = await gate.user("ada");
      const old = await fill(id, LIMIT);
      const logins = await Promise.all(Array.from({ length: 20 }, () => gate.login("ada")));
      for (const [index, token] of old.entries()) {
        const { status, reason } = await gate.me(`Token ${token}`);
        expect([index, status, reason]).toEqual(
          index < 20 ? [index, 401, "token_revoked"] : [index, 200, undefined],
        );
      }
      for (const { authorization, refresh } of logins) {
        expect((await gate.me(authorization)).status).toBe(200);
        expect((await gate.refresh(refresh)).status).toBe(200);
      }
      expect(await countLive(id)).toBe(LIMIT);
    });

    test("RF-15: counts named tokens separately: neither they nor sign-ins end the others", async () => {
      const id = await gate.user("dan");
      const signIns = await fill(id, LIMIT);
      const named = await fill(id, LIMIT, "script");
      expect(await countLive(id)).toBe(2 * LIMIT);
      expect(await gate.auth.sessions.list(id)).toHaveLength(2 * LIMIT);
      const statusOf = async (token = "") => (await gate.me(`Token ${token}`)).status;
      await fill(id, 1, "one more script");
      expect([await statusOf(signIns[0]), await statusOf(named[0])]).toEqual([200, 401]);
      await fill(id, 1);
      expect([await statusOf(signIns[0]), await statusOf(named[1])]).toEqual([401, 200]);
      expect(await countLive(id)).toBe(2 * LIMIT);
    });

    test("RF-15: counts only live sessions, for each user separately", async () => {
      const [id, other] = [await gate.user("bob"), await gate.user("cyd")];
      const neighbour = await gate.login("cyd", "TOKEN");
      const [first = "", second = ""] = await fill(id, LIMIT);
      await gate.logout({ authorization: `Token ${second}` });
      await gate.login("bob");
      expect((await gate.me(`Token ${first}`)).status).toBe(200);
      await gate.login("bob");
      expect((await gate.me(`Token ${first}`)).reason).toBe("token_revoked");
      expect([await countLive(id), await countLive(other)]).toEqual([LIMIT, 1]);
      expect((await gate.me(neighbour.authorization)).status).toBe(200);
    });
  });
});
