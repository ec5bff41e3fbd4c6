import { beforeAll, describe, expect, test } from "@jest/globals";
import type { Key } from "../../src/keys/key-ring.js";
import { decode, forge, stealKeys } from "../support/forge.js";
import { type Answer, describeGates, PASSWORD } from "../support/gate.js";

const DAY = 86_400;
const LOGIN = `mutation ($username: String!, $password: String!) {
  login(username: $username, password: $password, scheme: SLIDING) {
    scheme tokenType token access refresh expiresAt refreshExpiresAt session { expiresAt }
  }
}`;

describeGates((gate) => {
  let key: Key;

  beforeAll(async () => {
    await gate.user("ada");
    key = stealKeys(gate).refresh;
  });

  const login = (username: string, password = PASSWORD) =>
    gate.ask(LOGIN, { variables: { username, password } });
  const slide = async (token: string): Promise<string> => {
    const { data, text } = await gate.refresh(token);
    if (!data) throw new Error(`the token did not slide: ${text}`);
    return data.refreshToken.token;
  };
  const isActive = async (token: string) => (await gate.verify(token)).data.verifyToken.active;

  describe("a login by SLIDING", () => {
    test("S-02: returns one sliding token, its expiry, and the time until which it can slide", async () => {
      const { token, access, refresh, ...said } = (await login("ada")).data.login;
      expect([access, refresh]).toEqual([null, null]);
      const { header, claims } = decode(token);
      expect([header["typ"], claims["token_type"]]).toEqual(["st+jwt", "sliding"]);
      expect(said).toMatchObject({ scheme: "SLIDING", tokenType: "Bearer" });
      const at = Math.floor(gate.now / 1000);
      expect([claims.iat, claims.exp, claims["refresh_exp"]]).toEqual([
        at,
        at + 7 * DAY,
        at + 30 * DAY,
      ]);
      const seconds = (instant: string) => Math.floor(Date.parse(instant) / 1000);
      expect(seconds(said.expiresAt)).toBe(claims.exp);
      expect(seconds(said.refreshExpiresAt)).toBe(claims["refresh_exp"]);
      expect(said.session.expiresAt).toBe(said.refreshExpiresAt);
    });

    test("S-05: is refused in the same way for a wrong password, an inactive user and an unknown user", async () => {
      await gate.auth.accounts.setActive(await gate.user("idle"), false);
      const refused = await login("ada", "a wrong password");
      expect(refused).toMatchObject({ status: 401, reason: "invalid_credentials", data: null });
      expect((await login("idle")).text).toBe(refused.text);
      expect((await login("nobody")).text).toBe(refused.text);
    });

    test("V-01: verifyToken reports its token as active, to be sent as Bearer", async () => {
      const { token } = await gate.login("ada", "SLIDING");
      expect((await gate.verify(token)).data.verifyToken).toEqual({
        active: true,
        scheme: "SLIDING",
        tokenType: "Bearer",
        expiresAt: new Date(decode(token).claims.exp * 1000).toISOString(),
        user: { username: "ada" },
      });
    });
  });

  describe("a sliding token", () => {
    test("S-07, W6: is replaced by one with a later exp, another jti, and the same session", async () => {
      const { token, session } = await gate.login("ada", "SLIDING");
      gate.advance(DAY);
      const { data } = await gate.refresh(token);
      expect(data.refreshToken).toMatchObject({ access: null, refresh: null, session });
      const [before, after] = [decode(token).claims, decode(data.refreshToken.token).claims];
      expect(after.exp).toBe(before.exp + DAY);
      expect(after["jti"]).not.toBe(before["jti"]);
      expect(after["refresh_exp"]).toBe(before["refresh_exp"]);
      expect((await gate.me(`Bearer ${data.refreshToken.token}`)).data.me.username).toBe("ada");
    });

    test("S-17, W6: is refused as Bearer once it has been refreshed, even within the reuse window", async () => {
      const { token, authorization } = await gate.login("ada", "SLIDING");
      const next = await slide(token);
      const refused = { status: 401, code: "UNAUTHENTICATED", reason: "token_revoked" };
      expect(await gate.me(authorization)).toMatchObject(refused);
      expect(await isActive(token)).toBe(false);
      expect((await gate.me(`Bearer ${next}`)).status).toBe(200);
    });

    test("S-17, B-05: gives the same successor again within the window, byte for byte, and its session stays live", async () => {
      const { token } = await gate.login("ada", "SLIDING");
      const next = await slide(token);
      gate.advance(9);
      expect([await slide(token), await slide(token)]).toEqual([next, next]);
      expect((await gate.me(`Bearer ${next}`)).status).toBe(200);
    });

    test("S-17, B-04: ends its session when it is refreshed again after the window", async () => {
      const { token, session } = await gate.login("ada", "SLIDING");
      const next = await slide(token);
      gate.advance(10);
      const reused = { status: 401, reason: "token_reused" };
      expect(await gate.refresh(token)).toMatchObject(reused);
      expect(await gate.me(`Bearer ${next}`)).toMatchObject(reused);
      expect(await gate.refresh(next)).toMatchObject(reused);
      const reports = gate.events.filter(
        (event) => event.type === "token_reused" && event.sessionId === session.id,
      );
      expect(reports).toHaveLength(1);
    });

    test("N-01: gives one successor when it is refreshed 20 times at once", async () => {
      const { token } = await gate.login("ada", "SLIDING");
      const answers = await Promise.all(Array.from({ length: 20 }, () => gate.refresh(token)));
      expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200));
      const tokenOf = ({ data }: Answer): string => data.refreshToken.token;
      expect(new Set(answers.map(tokenOf)).size).toBe(1);
    });

    test("S-09: is refused and cannot slide once it has expired, even before its refresh_exp", async () => {
      const { token, authorization } = await gate.login("ada", "SLIDING");
      gate.advance(7 * DAY + 5);
      expect(decode(token).claims["refresh_exp"]).toBeGreaterThan(gate.now / 1000);
      const expired = { status: 401, reason: "token_expired" };
      expect(await gate.refresh(token)).toMatchObject(expired);
      expect(await gate.me(authorization)).toMatchObject(expired);
      expect(await isActive(token)).toBe(false);
    });

    test("S-07, R-21: cannot slide beyond thirty days after its login", async () => {
      let { token } = await gate.login("ada", "SLIDING");
      const end = decode(token).claims["refresh_exp"] as number;
      for (let turn = 0; turn < 5; turn += 1) {
        gate.advance(6 * DAY - 1);
        token = await slide(token);
      }
      expect(decode(token).claims.exp).toBe(end);
      gate.advance(5);
      expect(await gate.refresh(token)).toMatchObject({ status: 401, reason: "session_expired" });
      expect((await gate.me(`Bearer ${token}`)).code).toBe("UNAUTHENTICATED");
    });

    test.each(["exp", "refresh_exp", "gen", "sid", "sub", "jti", "iat", "token_type"])(
      "S-09, S-10, C-03: is refused without %s, even if it is signed with the real key",
      async (name) => {
        const { token } = await gate.login("ada", "SLIDING");
        const { header, claims } = decode(token);
        const rest = Object.entries(claims).filter(([claim]) => claim !== name);
        const forged = forge(key, header, Object.fromEntries(rest));
        const refused = { status: 401, reason: "token_not_valid" };
        expect(await gate.me(`Bearer ${forged}`)).toMatchObject(refused);
        expect(await gate.refresh(forged)).toMatchObject(refused);
        expect((await gate.me(`Bearer ${token}`)).status).toBe(200);
      },
    );

    test("S-13, U-17: cannot slide if its user is deleted or inactive", async () => {
      const [bob, cyd] = [await gate.user("bob"), await gate.user("cyd")];
      const [first, second] = [
        await gate.login("bob", "SLIDING"),
        await gate.login("cyd", "SLIDING"),
      ];
      await gate.auth.accounts.deleteUser(bob);
      await gate.auth.accounts.setActive(cyd, false);
      expect(await gate.refresh(first.token)).toMatchObject({ reason: "user_not_found" });
      expect(await gate.refresh(second.token)).toMatchObject({ reason: "user_inactive" });
    });

    test.each(["header", "argument"] as const)(
      "S-18, B-15: is refused at the next request after a logout by its %s, and that request costs one statement",
      async (place) => {
        const { token, authorization } = await gate.login("ada", "SLIDING");
        expect(await gate.countStatements(() => gate.me(authorization))).toBe(1);
        const { data } = await gate.logout(
          place === "header" ? { authorization } : { refresh: token },
        );
        expect(data.logout).toEqual({
          message: "Logout successful, token blacklisted",
          sessionsEnded: 1,
        });
        const statements = await gate.countStatements(async () => {
          expect((await gate.me(authorization)).reason).toBe("token_revoked");
        });
        expect(statements).toBe(1);
        expect((await gate.refresh(token)).reason).toBe("token_revoked");
      },
    );
  });
});
