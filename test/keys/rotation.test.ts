import { beforeEach, describe, expect, test } from "@jest/globals";
import { PUBLISH_AHEAD, SigningKeyService } from "../../src/keys/signing-key.service.js";
import { decode } from "../support/forge.js";
import { describeFreshGates, type Gate } from "../support/gate.js";

const DAY = 86_400;
const NOT_VALID = { status: 401, code: "UNAUTHENTICATED", reason: "token_not_valid" };

describeFreshGates((gate) => {
  let twin: Gate;

  beforeEach(async () => {
    twin = await gate.another();
    await gate.user("ada");
  });

  const kidOf = (token: string) => decode(token).header["kid"] as string;
  const login = async (at = gate) => {
    const tokens = await at.login("ada");
    return { ...tokens, kid: kidOf(tokens.access) };
  };
  async function published(at = gate): Promise<string[]> {
    const response = await fetch(`${at.url}/.well-known/jwks.json`);
    const { keys } = (await response.json()) as { keys: { kid: string }[] };
    return keys.map(({ kid }) => kid).sort();
  }

  test("J-15: a clock that is set back to before the first key signs nobody out", async () => {
    const { refresh } = await login();
    const { token } = await gate.login("ada", "SLIDING");
    gate.advance(-3600);
    const { access } = await login();
    expect((await gate.me(`Bearer ${access}`)).status).toBe(200);
    for (const current of [refresh, token]) {
      const { data } = await gate.refresh(current);
      const next = data.refreshToken.access ?? data.refreshToken.token;
      expect((await gate.me(`Bearer ${next}`)).data?.me.username).toBe("ada");
    }
  });

  describe("a rotation of the keys", () => {
    test("J-15, JW-19: publishes the next key at once, signs with it after ten minutes, and ends no session", async () => {
      const [old, fixed, sliding] = [
        await login(),
        await gate.login("ada", "TOKEN"),
        await gate.login("ada", "SLIDING"),
      ];
      const { kid, activatesAt } = await gate.auth.keys.rotate();
      expect(activatesAt).toBe(gate.now + PUBLISH_AHEAD * 1000);
      expect(PUBLISH_AHEAD).toBeGreaterThanOrEqual(600);
      expect(await published()).toEqual([old.kid, kid].sort());
      gate.advance(PUBLISH_AHEAD - 1);
      const last = await login();
      expect(last.kid).toBe(old.kid);
      gate.advance(1);
      const first = await login();
      expect(first.kid).toBe(kid);
      for (const { authorization } of [last, first, fixed, sliding]) {
        expect((await gate.me(authorization)).data?.me.username).toBe("ada");
      }
      const { data } = await gate.refresh(old.refresh);
      expect(kidOf(data.refreshToken.access)).toBe(kid);
      expect((await gate.refresh(sliding.token)).status).toBe(200);
      expect(await published()).toEqual([old.kid, kid].sort());
      expect(gate.events.filter(({ type }) => type === "key_rotated")).toEqual([
        { type: "key_rotated", kid },
      ]);
    });

    test("J-15: is refused while the next key waits, unless it is urgent", async () => {
      const { kid } = await gate.auth.keys.rotate();
      const refused = { code: "BAD_USER_INPUT" };
      await expect(gate.auth.keys.rotate()).rejects.toMatchObject(refused);
      await expect(twin.auth.keys.rotate()).rejects.toMatchObject(refused);
      gate.advance(1);
      const urgent = await gate.auth.keys.rotate(true);
      expect(urgent.activatesAt).toBe(gate.now);
      expect((await login()).kid).toBe(urgent.kid);
      gate.advance(PUBLISH_AHEAD - 1);
      expect((await login()).kid).toBe(kid);
    });

    test("J-15: takes effect at once if it is urgent, even several times within a millisecond", async () => {
      for (let turn = 0; turn < 8; turn += 1) {
        const { kid } = await gate.auth.keys.rotate(true);
        expect((await login()).kid).toBe(kid);
      }
      gate.advance(5);
      const { kid } = await gate.auth.keys.rotate(true);
      const [row] = await gate.sql(
        `SELECT created_at AS "createdAt" FROM signing_key WHERE kid = ?`,
        [kid],
      );
      expect(Number(row.createdAt)).toBe(gate.now);
    });

    test("J-15, J-13: reaches another server with the first token of the new key", async () => {
      gate.advance(2);
      await gate.auth.keys.rotate(true);
      const { authorization, access, kid } = await login();
      expect(await published(twin)).not.toContain(kid);
      expect((await twin.me(authorization)).data?.me.username).toBe("ada");
      expect(await published(twin)).toContain(kid);
      expect((await twin.verify(access)).data.verifyToken.active).toBe(true);
      expect((await login(twin)).kid).toBe(kid);
      // Without a further change, no server reads the keys again.
      for (const at of [gate, twin]) {
        expect(await at.countStatements(() => at.me(authorization))).toBe(1);
      }
    });

    test("J-15: reaches another server when that server reloads its keys", async () => {
      const { kid } = await gate.auth.keys.rotate();
      await twin.core.keys.reload();
      expect(await published(twin)).toEqual(await published(gate));
      gate.advance(PUBLISH_AHEAD);
      expect((await login(twin)).kid).toBe(kid);
    });

    test("J-13: tokens with an unknown kid make a server reload its keys at most once a second", async () => {
      const { access, authorization } = await login();
      const { header } = decode(access);
      const [, payload, signature] = access.split(".");
      const present = (kid: string) => {
        const head = Buffer.from(JSON.stringify({ ...header, kid })).toString("base64url");
        return gate.me(`Bearer ${head}.${payload!}.${signature!}`);
      };
      gate.advance(2);
      const statements = await gate.countStatements(async () => {
        for (let index = 0; index < 20; index += 1) {
          expect(await present(`unknown${index}`)).toMatchObject(NOT_VALID);
        }
      });
      expect(statements).toBe(1);
      for (const [wait, reads] of [
        [0.999, 0],
        [0.001, 1],
      ] as const) {
        gate.advance(wait);
        expect(await gate.countStatements(() => present("unknown"))).toBe(reads);
      }
      for (const kid of ["__proto__", "constructor", "../key", "' OR 1=1", "x".repeat(65), ""]) {
        const count = await gate.countStatements(async () => {
          expect(await present(kid)).toMatchObject(NOT_VALID);
        });
        expect(count).toBe(0);
      }
      expect((await gate.me(authorization)).status).toBe(200);
    });

    test("J-15: happens once per keyRotationInterval, although two servers check", async () => {
      const { kid } = await login();
      gate.advance(90 * DAY - 1);
      await gate.core.keys.rotateIfDue();
      expect(await published()).toEqual([kid]);
      gate.advance(1);
      for (let turn = 0; turn < 5; turn += 1) {
        await Promise.all([gate, twin, gate, twin].map(({ core }) => core.keys.rotateIfDue()));
      }
      await Promise.all([gate.core.keys.reload(), twin.core.keys.reload()]);
      expect(await published(gate)).toEqual(await published(twin));
      expect((await login()).kid).toBe(kid);
      gate.advance(PUBLISH_AHEAD);
      const [first, second] = [await login(gate), await login(twin)];
      expect(first.kid).not.toBe(kid);
      expect(second.kid).toBe(first.kid);
      expect((await twin.me(first.authorization)).status).toBe(200);
    });

    test("J-15: is tried only once while the next key waits, and fails if the database does", async () => {
      const { core, events, secretKey } = gate;
      const lost = new Error("the disk is full");
      let writes = 0;
      const sql = {
        ...core.sql,
        read: core.sql.read.bind(core.sql),
        write: () => {
          writes += 1;
          return Promise.reject(lost);
        },
      };
      const service = await SigningKeyService.open(
        sql,
        {
          ...{ secretKeys: [secretKey], jwtAlgorithm: "ES256", keyRotationInterval: 60 },
          ...{ now: () => gate.now, onEvent: (event) => events.push(event) },
        },
        () => undefined,
      );
      gate.advance(60);
      await expect(service.rotateIfDue()).rejects.toBe(lost);
      await gate.auth.keys.rotate();
      await service.rotateIfDue();
      expect(writes).toBe(1);
    });

    test("J-15: never happens automatically if keyRotationInterval is null", async () => {
      const never = await gate.another({ keyRotationInterval: null });
      try {
        gate.advance(3650 * DAY);
        await never.core.keys.rotateIfDue();
        expect(await published(never)).toHaveLength(1);
      } finally {
        await never.close();
      }
    });
  });

  describe("revoking a key", () => {
    test("J-15, JW-18: invalidates every access token that it signed, even those already used, and ends no session", async () => {
      const { kid, authorization, refresh } = await login();
      const fixed = await gate.login("ada", "TOKEN");
      expect((await gate.me(authorization)).status).toBe(200);
      expect((await twin.me(authorization)).status).toBe(200);
      await gate.auth.keys.revoke(kid);
      await twin.core.keys.reload();
      for (const at of [gate, twin]) {
        expect(await at.me(authorization)).toMatchObject(NOT_VALID);
        expect(await published(at)).not.toContain(kid);
        expect(await published(at)).toHaveLength(1);
        expect((await at.me(fixed.authorization)).status).toBe(200);
      }
      const { data } = await twin.refresh(refresh);
      expect(kidOf(data.refreshToken.access)).not.toBe(kid);
      expect((await gate.me(`Bearer ${data.refreshToken.access}`)).status).toBe(200);
    });

    test("J-15, JW-18: invalidates its tokens on another server at the very next request", async () => {
      const { kid, authorization } = await login();
      expect((await twin.me(authorization)).status).toBe(200);
      await gate.auth.keys.revoke(kid);
      expect(await twin.me(authorization)).toMatchObject(NOT_VALID);
    });

    test("J-15: removes a waiting or retired key, and leaves the others", async () => {
      const old = await login();
      const { kid: waiting } = await gate.auth.keys.rotate();
      await gate.auth.keys.revoke(waiting);
      expect(await published()).toEqual([old.kid]);
      gate.advance(PUBLISH_AHEAD);
      expect((await login()).kid).toBe(old.kid);
      gate.advance(1);
      const { kid: urgent } = await gate.auth.keys.rotate(true);
      const fresh = await login();
      await gate.auth.keys.revoke(old.kid);
      expect(await published()).toEqual([urgent]);
      expect((await gate.me(fresh.authorization)).status).toBe(200);
    });

    test("J-15: is refused for an unknown key, and for a key that is revoked already", async () => {
      const { kid } = await login();
      const refused = { code: "BAD_USER_INPUT" };
      await expect(gate.auth.keys.revoke("unknown")).rejects.toMatchObject(refused);
      await gate.auth.keys.revoke(kid);
      await expect(gate.auth.keys.revoke(kid)).rejects.toMatchObject(refused);
      expect(await published()).toHaveLength(1);
    });
  });
});
