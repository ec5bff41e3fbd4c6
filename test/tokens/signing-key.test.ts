import { beforeAll, describe, expect, test } from "@jest/globals";
import { decode, forge } from "../support/forge.js";
import { describeGates } from "../support/gate.js";

const NOT_VALID = { status: 401, code: "UNAUTHENTICATED", reason: "token_not_valid" };

describeGates({ leeway: 5 }, (gate) => {
  beforeAll(async () => {
    await gate.user("ada");
  });

  describe("the key that signed a token", () => {
    test("J-15: is accepted up to the leeway before its activation, and not earlier", async () => {
      const { kid, activatesAt } = await gate.auth.keys.rotate();
      const next = gate.core.keys.ring.next!;
      gate.advance((activatesAt - gate.now) / 1000 - 5.001);
      const { header, claims } = decode((await gate.login("ada")).access);
      const token = `Bearer ${forge(next, { ...header, kid }, claims)}`;
      expect(await gate.me(token)).toMatchObject(NOT_VALID);
      gate.advance(0.001);
      expect((await gate.me(token)).data.me.username).toBe("ada");
    });

    test("JW-18: is looked up at each use, so a revoked key also ends tokens that were accepted before", async () => {
      const { access, authorization } = await gate.login("ada");
      expect((await gate.me(authorization)).status).toBe(200);
      await gate.auth.keys.revoke(String(decode(access).header["kid"]));
      expect((await gate.me(authorization)).code).toBe("UNAUTHENTICATED");
    });
  });

  describe("a token that was accepted before", () => {
    test("ST-6: is still refused where its kind is not accepted, and its session continues", async () => {
      const { access, authorization } = await gate.login("ada");
      expect((await gate.me(authorization)).status).toBe(200);
      const wrong = { status: 401, reason: "token_wrong_type" };
      expect(await gate.refresh(access)).toMatchObject(wrong);
      expect(await gate.logout({ refresh: access })).toMatchObject(wrong);
      expect((await gate.me(authorization)).status).toBe(200);
    });
  });

  test.each(["refresh", "sliding"] as const)(
    "R-21: the jti of a %s token has 32 hexadecimal digits, like that of an access token",
    async (kind) => {
      const { refresh, token } = await gate.login("ada", kind === "sliding" ? "SLIDING" : "JWT");
      const { claims } = decode(kind === "sliding" ? token : refresh);
      expect(claims["jti"]).toMatch(/^[0-9a-f]{32}$/);
    },
  );
});
