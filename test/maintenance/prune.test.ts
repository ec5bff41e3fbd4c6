import { beforeEach, describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { PUBLISH_AHEAD } from "../../src/keys/signing-key.service.js";
import { decode } from "../support/forge.js";
import { describeFreshGates } from "../support/gate.js";
import { ownTimeOf } from "../support/measure.js";
import { addSessions, findKeyIds, findSessionIds } from "./expired-sessions.js";

const DAY = 86_400;
const HOUR = 3600;
const LEEWAY = 5;
/** The time after expiry and leeway within which a row must be prunable, in seconds. */
const SOON = 2 * HOUR;

describeFreshGates({ leeway: LEEWAY, auditRetention: false }, (gate, database) => {
  let ada: { id: string };

  beforeEach(async () => {
    ada = { id: await gate.user("ada") };
  });

  const prune = () => gate.auth.maintenance.prune();

  describe("prune", () => {
    test.each([
      ["JWT", "M-02", 7 * DAY],
      ["SLIDING", "M-03", 7 * DAY],
      ["TOKEN", "M-02", 90 * DAY],
    ] as const)(
      "%s, %s: keeps a session until it has expired and the leeway is over, then deletes it",
      async (scheme, _id, lifetime) => {
        const { session } = await gate.login("ada", scheme);
        for (const wait of [lifetime - 1, 1, LEEWAY - 1]) {
          gate.advance(wait);
          expect(await prune()).toBe(0);
          expect(await findSessionIds(gate)).toEqual([session.id]);
        }
        gate.advance(SOON);
        expect(await prune()).toBe(1);
        expect(await findSessionIds(gate)).toEqual([]);
        expect(await prune()).toBe(0);
      },
    );

    test.each(["JWT", "SLIDING"] as const)(
      "M-03, W6: keeps a %s session that is refreshed regularly until its absolute expiry",
      async (scheme) => {
        const { session, refresh, token } = await gate.login("ada", scheme);
        let current = scheme === "JWT" ? refresh : token;
        for (let day = 6; day < 30; day += 6) {
          gate.advance(6 * DAY);
          const { data } = await gate.refresh(current);
          current = data.refreshToken.refresh ?? data.refreshToken.token;
          expect(await prune()).toBe(0);
        }
        gate.advance(6 * DAY + LEEWAY - 1);
        expect(await prune()).toBe(0);
        expect(await findSessionIds(gate)).toEqual([session.id]);
        gate.advance(SOON);
        expect(await prune()).toBe(1);
        expect((await gate.refresh(current)).code).toBe("UNAUTHENTICATED");
      },
    );

    test("M-02: keeps a static token that never expires", async () => {
      const lasting = await gate.another({ staticTokenLifetime: null });
      const { authorization } = await lasting.login("ada", "TOKEN");
      gate.advance(100 * 365 * DAY);
      expect(await prune()).toBe(0);
      expect((await lasting.me(authorization)).status).toBe(200);
    });

    test.each(["JWT", "SLIDING", "TOKEN"] as const)(
      "keeps an ended %s session until its tokens would have expired",
      async (scheme) => {
        const lifetime = scheme === "TOKEN" ? 90 * DAY : 7 * DAY;
        const { authorization, session } = await gate.login("ada", scheme);
        await gate.logout({ authorization });
        gate.advance(lifetime + LEEWAY - 1);
        expect(await prune()).toBe(0);
        expect(await findSessionIds(gate)).toEqual([session.id]);
        gate.advance(SOON);
        expect(await prune()).toBe(1);
        expect((await gate.me(authorization)).code).toBe("UNAUTHENTICATED");
      },
    );

    test("keeps a revoked static token without an expiry for some time, and then deletes it", async () => {
      const lasting = await gate.another({ staticTokenLifetime: null });
      const { authorization } = await lasting.login("ada", "TOKEN");
      gate.advance(365 * DAY);
      await lasting.logout({ authorization });
      gate.advance(DAY);
      expect(await prune()).toBe(0);
      gate.advance(90 * DAY);
      expect(await prune()).toBe(1);
      expect((await lasting.me(authorization)).code).toBe("UNAUTHENTICATED");
    });

    test("keeps a session that was ended for reuse, so that the reason is still given", async () => {
      const { refresh } = await gate.login("ada");
      await gate.refresh(refresh);
      gate.advance(60);
      expect((await gate.refresh(refresh)).reason).toBe("token_reused");
      expect(await prune()).toBe(0);
      expect((await gate.refresh(refresh)).reason).toBe("token_reused");
    });

    test.each(["JWT", "SLIDING"] as const)(
      "M-02: an expired %s token gets the same response before and after its session is deleted",
      async (scheme) => {
        const { refresh, token } = await gate.login("ada", scheme);
        gate.advance(7 * DAY + SOON);
        const old = scheme === "JWT" ? refresh : token;
        const before = await gate.refresh(old);
        expect(before.reason).toBe("token_expired");
        expect(await prune()).toBe(1);
        expect((await gate.refresh(old)).reason).toBe("token_expired");
      },
    );

    test("M-02: keeps the session of an access token that was issued in the last second of its refresh token", async () => {
      const patient = await gate.another({ accessTokenLifetime: HOUR });
      const { refresh } = await patient.login("ada");
      gate.advance(7 * DAY - 1);
      const access = new patient.auth.tokens.RefreshToken(refresh).accessToken;
      const authorization = `Bearer ${String(access)}`;
      gate.advance(HOUR - 60);
      const { status: before } = await patient.me(authorization);
      await patient.auth.maintenance.prune();
      expect((await patient.me(authorization)).status).toBe(before);
    });

    test("M-02: invalidates no valid token, in any order of issuing, ending, refreshing and waiting", async () => {
      interface Item {
        text: string;
        isActive: boolean;
      }
      const wait = fc.constantFrom(0, 60, 299, 305, HOUR, DAY, 7 * DAY, 30 * DAY, 90 * DAY);
      const step = fc.tuple(
        fc.constantFrom("JWT", "SLIDING", "TOKEN", "end", "refresh", "prune"),
        fc.oneof({ weight: 3, arbitrary: fc.constantFrom(0, 60, 299, HOUR) }, wait),
        fc.nat(9),
      );
      const { RefreshToken, SlidingToken, StaticToken } = gate.auth.tokens;
      const askAll = async (texts: string[]): Promise<Item[]> =>
        Promise.all(
          texts.map(async (text) => ({
            text,
            isActive: (await gate.auth.authentication.verifyToken(text)) !== null,
          })),
        );
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 12 }), async (steps) => {
          const texts: string[] = [];
          for (const [what, seconds, index] of [...steps, ["prune", 0, 0] as const]) {
            if (what === "JWT") texts.push(String(await RefreshToken.forUser(ada)));
            else if (what === "SLIDING") texts.push(String(await SlidingToken.forUser(ada)));
            else if (what === "TOKEN") texts.push((await StaticToken.create(ada)).key ?? "");
            else if (what === "prune") {
              const before = await askAll(texts);
              await prune();
              expect(await askAll(texts)).toEqual(before);
            } else {
              const text = texts[index % (texts.length || 1)] ?? "";
              const sid = /^gth_([0-9a-f]{32})/.exec(text)?.[1];
              const id = sid ?? (text && (decode(text).claims["sid"] as string));
              if (what === "end") await gate.auth.sessions.end(id);
              else {
                const { data } = await gate.refresh(text);
                const { access, refresh, token } = data?.refreshToken ?? {};
                texts.push(...[access, refresh, token].filter(Boolean));
              }
            }
            gate.advance(seconds);
          }
          const left = new Set(await findSessionIds(gate));
          for (const { text, isActive } of await askAll(texts)) {
            const id = /^gth_([0-9a-f]{32})/.exec(text)?.[1] ?? decode(text).claims["sid"];
            if (left.has(id as string)) continue;
            expect(isActive).toBe(false);
            expect((await gate.refresh(text)).status).toBe(401);
          }
        }),
        { numRuns: 25 },
      );
    });

    test("M-05: keeps live sessions of every scheme, and deletes the expired ones", async () => {
      await addSessions(gate, ada.id, 2500);
      const live = [];
      for (const scheme of ["JWT", "SLIDING", "TOKEN"] as const) {
        live.push(await gate.login("ada", scheme));
      }
      expect(await prune()).toBe(2500);
      expect(await findSessionIds(gate)).toEqual(live.map(({ session }) => session.id).sort());
      for (const { authorization } of live) {
        expect((await gate.me(authorization)).status).toBe(200);
      }
    });

    test("M-13: deletes each row once when two servers prune concurrently", async () => {
      await addSessions(gate, ada.id, 5000);
      const live = await gate.login("ada");
      const twin = await gate.another();
      const deleted = await Promise.all([
        prune(),
        twin.auth.maintenance.prune(),
        prune(),
        twin.auth.maintenance.prune(),
      ]);
      expect(deleted.reduce((sum, one) => sum + one)).toBe(5000);
      expect(await findSessionIds(gate)).toEqual([live.session.id]);
    });

    test("M-12: deletes 20,000 rows in small batches, while no login, refresh or logout fails or waits long", async () => {
      await addSessions(gate, ada.id, 20_000);
      const pruner = await gate.another();
      const progress: number[] = [];
      const pruned = { isDone: false };
      const pruning = pruner.auth.maintenance
        .prune((deleted) => progress.push(deleted))
        .finally(() => (pruned.isDone = true));
      const waits: number[] = [];
      const use = async () => {
        const { authorization, refresh } = await gate.login("ada");
        expect((await gate.me(authorization)).status).toBe(200);
        expect((await gate.refresh(refresh)).status).toBe(200);
        expect((await gate.logout({ authorization })).status).toBe(200);
      };
      do waits.push(await ownTimeOf(use));
      while (!pruned.isDone);
      expect(await pruning).toBe(20_000);
      expect(progress.at(-1)).toBe(20_000);
      const sizes = progress.map((deleted, index) => deleted - (progress[index - 1] ?? 0));
      expect(Math.max(...sizes)).toBeLessThanOrEqual(1000);
      expect(Math.max(...waits)).toBeLessThan(20_000);
    }, 120_000);

    test("M-12: finds expired sessions by an index, without a table scan", async () => {
      await addSessions(gate, ada.id, 1000);
      await addSessions(gate, ada.id, 20_000, gate.now + DAY * 1000);
      if (database === "postgresql") await gate.sql("ANALYZE session");
      for (const column of ["refresh_expires_at", "expires_at"]) {
        const query = `SELECT id FROM session WHERE ${column} <= ${gate.now} ORDER BY ${column} LIMIT 1000`;
        const explain = database === "sqlite" ? "EXPLAIN QUERY PLAN" : "EXPLAIN";
        const plan = JSON.stringify(await gate.sql(`${explain} ${query}`));
        expect(plan).toContain(`session_${column}_index`);
      }
    });
  });

  describe("pruning signing keys", () => {
    test("J-15: keeps a retired key for the longest access-token lifetime, then deletes it", async () => {
      const patient = await gate.another({ accessTokenLifetime: HOUR });
      await patient.auth.keys.rotate();
      const before = await findKeyIds(gate);
      gate.advance(PUBLISH_AHEAD - 1);
      const { authorization, access } = await patient.login("ada");
      const old = decode(access).header["kid"] as string;
      gate.advance(1);
      for (const wait of [0, HOUR - 2, LEEWAY]) {
        gate.advance(wait);
        expect((await patient.me(authorization)).status).toBe(200);
        expect(await patient.auth.maintenance.prune()).toBe(0);
        expect(await findKeyIds(gate)).toEqual(before);
      }
      gate.advance(1);
      expect((await patient.me(authorization)).reason).toBe("token_expired");
      gate.advance(HOUR);
      expect(await patient.auth.maintenance.prune()).toBe(1);
      expect(await findKeyIds(gate)).toEqual(before.filter((kid) => kid !== old));
    });

    test("J-15: never deletes the current or the next key", async () => {
      const [current] = await findKeyIds(gate);
      gate.advance(3650 * DAY);
      expect(await prune()).toBe(0);
      expect(await findKeyIds(gate)).toEqual([current]);
      await gate.auth.keys.rotate();
      expect(await prune()).toBe(0);
      expect(await findKeyIds(gate)).toHaveLength(2);
      const { authorization } = await gate.login("ada");
      expect((await gate.me(authorization)).status).toBe(200);
    });

    test("J-15: keeps a key whose successor was revoked", async () => {
      const [old] = await findKeyIds(gate);
      const { kid } = await gate.auth.keys.rotate();
      await gate.auth.keys.revoke(kid);
      gate.advance(30 * DAY);
      await prune();
      expect(await findKeyIds(gate)).toContain(old);
      const { authorization } = await gate.login("ada");
      expect((await gate.me(authorization)).status).toBe(200);
    });

    test("J-15: does not affect refresh tokens or static tokens", async () => {
      const [jwt, fixed] = [await gate.login("ada"), await gate.login("ada", "TOKEN")];
      gate.advance(1);
      await gate.auth.keys.rotate(true);
      gate.advance(DAY);
      expect(await prune()).toBe(1);
      expect((await gate.refresh(jwt.refresh)).status).toBe(200);
      expect((await gate.me(fixed.authorization)).status).toBe(200);
    });
  });
});
