import { beforeAll, describe, expect, test } from "@jest/globals";
import { decode } from "../support/forge.js";
import { describeGates, Gate, type Tokens } from "../support/gate.js";

const DAY = 86_400;
const REUSED = { status: 401, code: "UNAUTHENTICATED", reason: "token_reused" };

describeGates((gate, database) => {
  beforeAll(async () => {
    await gate.user("ada");
  });

  /** Refreshes, and fails the test when that is refused. */
  async function rotate(refresh: string, at = gate): Promise<Pick<Tokens, "access" | "refresh">> {
    const { data, text } = await at.refresh(refresh);
    if (!data) throw new Error(`refreshToken was refused: ${text}`);
    return data.refreshToken;
  }

  const reuseEvents = (sessionId: string) =>
    gate.events.filter((event) => event.type === "token_reused" && event.sessionId === sessionId);

  describe("within the reuse window", () => {
    test("B-05, RF-3: the predecessor gives the same successor each time, byte for byte", async () => {
      const { refresh } = await gate.login("ada");
      const next = await rotate(refresh);
      for (let second = 0; second < 10; second += 1) {
        expect((await rotate(refresh)).refresh).toBe(next.refresh);
        if (second < 9) gate.advance(1);
      }
      expect((await gate.refresh(next.refresh)).status).toBe(200);
    });

    test("B-05: each repeat gives another valid access token", async () => {
      const { refresh } = await gate.login("ada");
      const [first, second] = [await rotate(refresh), await rotate(refresh)];
      expect(decode(first.access).claims["jti"]).not.toBe(decode(second.access).claims["jti"]);
      for (const { access } of [first, second]) {
        expect((await gate.me(`Bearer ${access}`)).data.me.username).toBe("ada");
      }
    });

    test("B-05: another server gives the same successor", async () => {
      const { refresh } = await gate.login("ada");
      const next = await rotate(refresh);
      const other = await gate.another();
      try {
        expect((await rotate(refresh, other)).refresh).toBe(next.refresh);
      } finally {
        await other.close();
      }
    });

    test("RF-3: once the successor is used, using the predecessor ends the session", async () => {
      const { refresh, session } = await gate.login("ada");
      const first = await rotate(refresh);
      const second = await rotate(first.refresh);
      expect(await gate.refresh(refresh)).toMatchObject(REUSED);
      expect(await gate.refresh(second.refresh)).toMatchObject(REUSED);
      expect(reuseEvents(session.id)).toHaveLength(1);
    });

    test("RF-3: a clock that is set back does not extend the window", async () => {
      const { refresh } = await gate.login("ada");
      await rotate(refresh);
      gate.advance(-60);
      try {
        expect(await gate.refresh(refresh)).toMatchObject(REUSED);
      } finally {
        gate.advance(60);
      }
    });

    test("RF-3: a repeat does not extend the window", async () => {
      const { refresh } = await gate.login("ada");
      await rotate(refresh);
      gate.advance(9);
      await rotate(refresh);
      gate.advance(1);
      expect(await gate.refresh(refresh)).toMatchObject(REUSED);
    });
  });

  describe("a refresh token that is used again", () => {
    test("B-04, B-03, W4, RF-2: after the window ends its session with all of its tokens, and no other session", async () => {
      const other = await gate.login("ada");
      const { access, refresh, session } = await gate.login("ada");
      const next = await rotate(refresh);
      gate.advance(10);
      expect(await gate.refresh(refresh)).toMatchObject(REUSED);
      for (const token of [access, next.access]) {
        expect(await gate.me(`Bearer ${token}`)).toMatchObject(REUSED);
      }
      for (const token of [next.refresh, refresh]) {
        expect(await gate.refresh(token)).toMatchObject(REUSED);
      }
      expect(reuseEvents(session.id)).toHaveLength(1);
      expect((await gate.me(other.authorization)).status).toBe(200);
      expect((await gate.refresh(other.refresh)).status).toBe(200);
    });

    test("B-04: ten times at once is reported as one token_reused event", async () => {
      const { refresh, session } = await gate.login("ada");
      await rotate(refresh);
      gate.advance(11);
      const answers = await Promise.all(Array.from({ length: 10 }, () => gate.refresh(refresh)));
      for (const answer of answers) expect(answer).toMatchObject(REUSED);
      const userId: unknown = decode(refresh).claims["sub"];
      expect(reuseEvents(session.id)).toEqual([
        { type: "token_reused", userId, sessionId: session.id },
      ]);
    });

    test("B-04: ends its session even when the token has expired", async () => {
      const { refresh } = await gate.login("ada");
      gate.advance(6 * DAY);
      const next = await rotate(refresh);
      gate.advance(2 * DAY);
      expect(await gate.refresh(refresh)).toMatchObject(REUSED);
      expect(await gate.refresh(next.refresh)).toMatchObject(REUSED);
    });

    test("RF-5: is recognised by its generation and not by time, even after three refreshes in one second", async () => {
      const { refresh } = await gate.login("ada");
      const chain = [refresh];
      for (let turn = 0; turn < 3; turn += 1) {
        chain.push((await rotate(chain.at(-1)!)).refresh);
      }
      const claims = chain.map((token) => decode(token).claims);
      expect(claims.map(({ gen }) => gen as number)).toEqual([0, 1, 2, 3]);
      expect(new Set(claims.map(({ iat }) => iat)).size).toBe(1);
      expect(new Set(claims.map(({ jti }) => jti as string)).size).toBe(4);
      expect(await gate.refresh(refresh)).toMatchObject(REUSED);
      for (const token of chain) expect(await gate.refresh(token)).toMatchObject(REUSED);
    });

    test("RF-3: with a reuse window of 0 ends the session at once", async () => {
      const strict = await gate.another({ reuseWindow: 0 });
      try {
        const { refresh } = await strict.login("ada");
        const next = await rotate(refresh, strict);
        expect(await strict.refresh(refresh)).toMatchObject(REUSED);
        expect(await strict.me(`Bearer ${next.access}`)).toMatchObject(REUSED);
        expect(strict.events.filter(({ type }) => type === "token_reused")).toHaveLength(1);
      } finally {
        await strict.close();
      }
    });

    test("B-14: after a logout stays refused when its user is deleted", async () => {
      const id = await gate.user("gone");
      const { refresh, authorization } = await gate.login("gone");
      await gate.logout({ refresh });
      await gate.auth.accounts.deleteUser(id);
      expect(await gate.refresh(refresh)).toMatchObject({ status: 401, code: "UNAUTHENTICATED" });
      expect(await gate.me(authorization)).toMatchObject({ status: 401, code: "UNAUTHENTICATED" });
      await gate.user("gone");
      expect((await gate.refresh(refresh)).code).toBe("UNAUTHENTICATED");
    });

    test("B-03: after a logout is token_revoked, and not reported as reuse", async () => {
      const { refresh, session } = await gate.login("ada");
      const next = await rotate(refresh);
      await gate.logout({ refresh: next.refresh });
      gate.advance(60);
      expect(await gate.refresh(refresh)).toMatchObject({ status: 401, reason: "token_revoked" });
      expect(reuseEvents(session.id)).toEqual([]);
    });
  });

  describe("a token that its session refuses", () => {
    test.each(["JWT", "SLIDING"] as const)(
      "U-14: is user_not_found once its user is deleted, before and after it expires: %s",
      async (scheme) => {
        const id = await gate.user(`deleted-${scheme}`);
        const tokens = await gate.login(`deleted-${scheme}`, scheme);
        const token = scheme === "JWT" ? tokens.refresh : tokens.token;
        await gate.auth.accounts.deleteUser(id);
        const refused = { status: 401, reason: "user_not_found" };
        expect(await gate.refresh(token)).toMatchObject(refused);
        gate.advance(8 * DAY);
        expect(await gate.refresh(token)).toMatchObject(refused);
      },
    );

    test("is token_not_valid in every use if its generation is still in the future", async () => {
      const { token: text, session } = await gate.login("ada", "SLIDING");
      const token = new gate.auth.tokens.SlidingToken(text).set("gen", 1);
      const refused = { status: 401, reason: "token_not_valid" };
      expect(await gate.me(`Bearer ${String(token)}`)).toMatchObject(refused);
      expect(await gate.refresh(String(token))).toMatchObject(refused);
      await expect(token.checkBlacklist()).rejects.toMatchObject({ reason: "token_not_valid" });
      expect(reuseEvents(session.id)).toEqual([]);
      expect((await gate.refresh(text)).status).toBe(200);
    });
  });

  describe("a token that names a session of another user or scheme", () => {
    test.each(["another user", "another scheme"])(
      "JW-11: is token_not_valid in every use: %s",
      async (whose) => {
        const { RefreshToken, AccessToken, SlidingToken } = gate.auth.tokens;
        const name = `owner of ${whose}`.replaceAll(" ", ".");
        await gate.user(name);
        const owner = whose === "another user" ? name : "ada";
        const [jwt, sliding] = [await gate.login("ada"), await gate.login("ada", "SLIDING")];
        const [otherJwt, otherSliding] = [
          await gate.login(owner),
          await gate.login(owner, "SLIDING"),
        ];
        const [first, second] =
          whose === "another user" ? [otherJwt, otherSliding] : [otherSliding, otherJwt];
        const refresh = String(new RefreshToken(jwt.refresh).set("sid", first.session.id));
        const access = String(new AccessToken(jwt.access).set("sid", first.session.id));
        const slides = String(new SlidingToken(sliding.token).set("sid", second.session.id));
        const refused = { status: 401, reason: "token_not_valid" };
        for (const token of [refresh, slides]) {
          expect(await gate.refresh(token)).toMatchObject(refused);
        }
        for (const token of [access, slides]) {
          expect(await gate.me(`Bearer ${token}`)).toMatchObject(refused);
        }
        expect((await gate.me(otherJwt.authorization)).status).toBe(200);
        expect((await gate.me(otherSliding.authorization)).status).toBe(200);
      },
    );
  });

  describe("the limits of a session", () => {
    test("RF-7: the leeway covers the rest of the second in which a refresh token expires, and no more", async () => {
      let now = Date.parse("2026-11-26T12:00:00.500Z");
      const strict = await Gate.open({ now: () => now, leeway: 10 }, database);
      try {
        const ada = await strict.user("ada");
        const [one, two] = [await strict.issue(ada), await strict.issue(ada)];
        now += 7 * DAY * 1000 - 1;
        expect(now).toBe(decode(one.refresh).claims.exp * 1000 + 499);
        expect((await strict.refresh(one.refresh)).status).toBe(200);
        now += 1;
        const refused = { status: 401, reason: "token_expired" };
        expect(await strict.refresh(two.refresh)).toMatchObject(refused);
      } finally {
        await strict.close();
      }
    });

    test("RF-7, R-22: a refresh token works until one second before its idle limit", async () => {
      const { refresh } = await gate.login("ada");
      const { exp } = decode(refresh).claims;
      const spare = await gate.login("ada");
      gate.advance(7 * DAY - 1);
      expect((await gate.refresh(spare.refresh)).status).toBe(200);
      gate.advance(1);
      expect(Math.floor(gate.now / 1000)).toBe(exp);
      expect(await gate.refresh(refresh)).toMatchObject({ status: 401, reason: "token_expired" });
    });

    test("RF-7, R-21, R-12: rotation does not extend the absolute limit, and no token outlives it", async () => {
      let { access, refresh } = await gate.login("ada");
      const end = Math.floor(gate.now / 1000) + 30 * DAY;
      for (let turn = 0; turn < 5; turn += 1) {
        gate.advance(6 * DAY - 1);
        ({ access, refresh } = await rotate(refresh));
        expect(decode(refresh).claims.exp).toBeLessThanOrEqual(end);
        expect(decode(access).claims.exp).toBeLessThanOrEqual(end);
      }
      expect(decode(refresh).claims.exp).toBe(end);
      gate.advance(5);
      expect(await gate.refresh(refresh)).toMatchObject({ status: 401, reason: "session_expired" });
      expect(await gate.me(`Bearer ${access}`)).toMatchObject({ status: 401 });
      expect((await gate.verify(refresh)).data.verifyToken.active).toBe(false);
    });
  });
});
