import { beforeAll, describe, expect, test } from "@jest/globals";
import { describeGates } from "../support/gate.js";

const INACTIVE = { active: false, scheme: null, tokenType: null, expiresAt: null, user: null };

describeGates((gate) => {
  beforeAll(async () => {
    await gate.user("ada");
  });

  const verify = async (token: string) => (await gate.verify(token)).data.verifyToken;

  describe("verifyToken", () => {
    test("V-01, V-06: returns the scheme, header scheme, expiry and user of an active token", async () => {
      const { access, refresh } = await gate.login("ada");
      const { token } = await gate.login("ada", "TOKEN");
      const user = { username: "ada" };
      expect(await verify(access)).toMatchObject({
        active: true,
        scheme: "JWT",
        tokenType: "Bearer",
        user,
      });
      expect(await verify(refresh)).toMatchObject({
        active: true,
        scheme: "JWT",
        tokenType: null,
        user,
      });
      expect(await verify(token)).toMatchObject({
        active: true,
        scheme: "TOKEN",
        tokenType: "Token",
        user,
      });
      const inFiveMinutes = Math.floor(gate.now / 1000) * 1000 + 300_000;
      expect(new Date((await verify(access)).expiresAt).getTime()).toBe(inFiveMinutes);
    });

    test("V-02: an expired token is inactive, and every other field is null", async () => {
      const { access } = await gate.login("ada");
      gate.advance(306);
      expect(await verify(access)).toEqual(INACTIVE);
    });

    test("V-07, V-08: a token of an ended session is inactive", async () => {
      const { access, refresh } = await gate.login("ada");
      const fixed = await gate.login("ada", "TOKEN");
      await gate.logout({ refresh });
      await gate.logout({ authorization: fixed.authorization });
      for (const token of [access, refresh, fixed.token])
        expect(await verify(token)).toEqual(INACTIVE);
    });

    test("V-09: a token of an inactive or deleted user, or one from before a password change, is inactive", async () => {
      const { accounts } = gate.auth;
      const changes = [
        (id: string) => accounts.setActive(id, false),
        (id: string) => accounts.setPassword(id, "another correct horse"),
        (id: string) => accounts.deleteUser(id),
      ];
      for (const [index, change] of changes.entries()) {
        const id = await gate.user(`user.${index}`);
        const { access, refresh } = await gate.login(`user.${index}`);
        const { token } = await gate.login(`user.${index}`, "TOKEN");
        await change(id);
        for (const text of [access, refresh, token]) expect(await verify(text)).toEqual(INACTIVE);
      }
    });

    test("B-03: a rotated refresh token is inactive, and verifying it ends nothing", async () => {
      const { refresh } = await gate.login("ada");
      const next = (await gate.refresh(refresh)).data.refreshToken.refresh;
      gate.advance(60);
      expect(await verify(refresh)).toEqual(INACTIVE);
      expect((await verify(next)).active).toBe(true);
    });
  });
});
