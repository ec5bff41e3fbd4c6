import { beforeAll, describe, expect, test } from "@jest/globals";
import type { Key } from "../../src/keys/key-ring.js";
import { type AnyClaims, decode, forge, stealKeys } from "../support/forge.js";
import { describeGates, type Tokens } from "../support/gate.js";

const DAY = 86_400;

describeGates((gate) => {
  let keys: { access: Key; refresh: Key };

  beforeAll(async () => {
    await gate.user("ada");
    await gate.user("eve");
    keys = stealKeys(gate);
  });

  describe("refreshToken", () => {
    test("R-01, R-08: returns an access token whose lifetime starts now", async () => {
      const { refresh, access } = await gate.login("ada");
      gate.advance(1000);
      const { status, data } = await gate.refresh(refresh);
      const { exp, iat } = decode(data.refreshToken.access).claims;
      expect(status).toBe(200);
      expect([iat, exp]).toEqual([Math.floor(gate.now / 1000), Math.floor(gate.now / 1000) + 300]);
      expect(exp).toBeGreaterThan(decode(access).claims.exp);
      expect(new Date(data.refreshToken.expiresAt).getTime()).toBe(exp * 1000);
      expect((await gate.me(`Bearer ${data.refreshToken.access}`)).data.me.username).toBe("ada");
    });

    test("R-07: returns tokens that differ in jti, exp and type, and agree on user and session", async () => {
      const { access, refresh } = await gate.login("ada");
      const [first, second] = [decode(access), decode(refresh)];
      expect(second.header["typ"]).not.toBe(first.header["typ"]);
      expect(second.header["kid"]).not.toBe(first.header["kid"]);
      for (const claim of ["jti", "exp", "token_type"]) {
        expect(second.claims[claim]).not.toBe(first.claims[claim]);
      }
      for (const claim of ["sub", "sid", "iss", "aud"]) {
        expect(second.claims[claim]).toBe(first.claims[claim]);
      }
    });

    test("R-12, LG-11: returns a new refresh token that expires later and belongs to the same session", async () => {
      const { refresh, session } = await gate.login("ada");
      gate.advance(60);
      const { data } = await gate.refresh(refresh);
      const [before, after] = [decode(refresh).claims, decode(data.refreshToken.refresh).claims];
      expect(after["jti"]).not.toBe(before["jti"]);
      expect(after.exp).toBe(before.exp + 60);
      expect(data.refreshToken.session.id).toBe(session.id);
    });

    test("R-02: keeps an application's claims, and replaces all of ours", async () => {
      const { access, refresh } = await gate.login("ada");
      const { header, claims } = decode(refresh);
      const extra = { name: "x", client_id: "eve", nbf: 1, refresh_exp: 1 };
      const forged = forge(keys.refresh, header, { ...claims, ...extra });
      const { data } = await gate.refresh(forged);
      const next = decode(data.refreshToken.access).claims;
      expect(Object.keys(next).sort()).toEqual(
        [...Object.keys(decode(access).claims), "name"].sort(),
      );
      expect([next["name"], next["client_id"]]).toEqual(["x", "gatehouse"]);
    });

    test("R-05: an expired refresh token is token_expired", async () => {
      const { refresh } = await gate.login("ada");
      gate.advance(7 * DAY);
      expect(await gate.refresh(refresh)).toMatchObject({
        status: 401,
        code: "UNAUTHENTICATED",
        reason: "token_expired",
      });
    });

    test("R-22: a session expires after the idle limit without a refresh, and continues with one", async () => {
      const { refresh } = await gate.login("ada");
      gate.advance(7 * DAY - 1);
      const next = await gate.refresh(refresh);
      expect(next.status).toBe(200);
      gate.advance(7 * DAY);
      expect((await gate.refresh(next.data.refreshToken.refresh)).reason).toBe("token_expired");
    });

    test("R-21, R-20: no refresh extends a session beyond thirty days after its login", async () => {
      let { refresh } = await gate.login("ada");
      for (let week = 0; week < 4; week += 1) {
        gate.advance(7 * DAY - 1);
        ({ refresh } = (await gate.refresh(refresh)).data.refreshToken);
      }
      expect((await gate.verify(refresh)).data.verifyToken.active).toBe(true);
      gate.advance(2 * DAY + 4);
      expect(await gate.refresh(refresh)).toMatchObject({ status: 401, reason: "session_expired" });
      expect((await gate.verify(refresh)).data.verifyToken.active).toBe(false);
    });

    test("R-06: refuses an access token as token_wrong_type, and a static token", async () => {
      const { access } = await gate.login("ada");
      const { token } = await gate.login("ada", "TOKEN");
      expect(await gate.refresh(access)).toMatchObject({ status: 401, reason: "token_wrong_type" });
      expect(await gate.refresh(token)).toMatchObject({ status: 401, code: "UNAUTHENTICATED" });
    });

    test("A-08: a refresh token as Bearer is token_wrong_type", async () => {
      const { refresh } = await gate.login("ada");
      expect(await gate.me(`Bearer ${refresh}`)).toMatchObject({
        status: 401,
        reason: "token_wrong_type",
      });
    });

    test("R-10, W28: in another user's request, returns tokens for the owner of the refresh token", async () => {
      const ada = await gate.login("ada");
      const eve = await gate.login("eve");
      const { data } = await gate.refresh(ada.refresh, { authorization: eve.authorization });
      expect(data.refreshToken.session.id).toBe(ada.session.id);
      expect((await gate.me(`Bearer ${data.refreshToken.access}`)).data.me.username).toBe("ada");
      expect((await gate.me(eve.authorization)).data.me.username).toBe("eve");
    });

    test("R-11: works with the session's expired access token in the header", async () => {
      const { refresh, authorization } = await gate.login("ada");
      gate.advance(3600);
      expect((await gate.me(authorization)).reason).toBe("token_expired");
      expect((await gate.refresh(refresh, { authorization })).status).toBe(200);
    });

    test("R-14: emits one token_refreshed, without the tokens", async () => {
      const { refresh, session } = await gate.login("ada");
      gate.events.length = 0;
      const { data } = await gate.refresh(refresh);
      expect(gate.events).toEqual([
        { type: "token_refreshed", userId: data.refreshToken.user.id, sessionId: session.id },
      ]);
    });

    test("U-06, RF-9: is refused for a user who is inactive, deleted, or has a new password", async () => {
      const states: [string, (id: string) => Promise<unknown>, string][] = [
        ["one", (id) => gate.auth.accounts.setActive(id, false), "user_inactive"],
        ["two", (id) => gate.auth.accounts.deleteUser(id), "user_not_found"],
        [
          "three",
          (id) => gate.auth.accounts.setPassword(id, "another correct horse"),
          "password_changed",
        ],
      ];
      for (const [name, change, reason] of states) {
        const id = await gate.user(name);
        const { refresh, authorization } = await gate.login(name);
        await change(id);
        expect(await gate.refresh(refresh)).toMatchObject({ status: 401, reason });
        expect(await gate.me(authorization)).toMatchObject({ status: 401, reason });
      }
    });

    test("U-06: a refresh token of a deactivated user stays refused once the user is active again", async () => {
      const id = await gate.user("back");
      const { refresh } = await gate.login("back");
      await gate.auth.accounts.setActive(id, false);
      await gate.refresh(refresh);
      await gate.auth.accounts.setActive(id, true);
      expect((await gate.refresh(refresh)).reason).toBe("token_revoked");
    });
  });

  describe("a refresh token that is signed with the real key", () => {
    let tokens: Tokens;
    let header: Record<string, unknown>;
    let claims: AnyClaims;

    beforeAll(async () => {
      tokens = await gate.login("ada");
      ({ header, claims } = decode(tokens.refresh));
    });

    const present = (payload: object) => gate.refresh(forge(keys.refresh, header, payload));

    test.each(["sub", "sid", "gen", "jti", "iat", "exp", "iss", "aud", "token_type"])(
      "R-09, R-13, W9: without %s is refused",
      async (name) => {
        const rest = Object.fromEntries(Object.entries(claims).filter(([claim]) => claim !== name));
        expect(await present(rest)).toMatchObject({ status: 401, reason: "token_not_valid" });
      },
    );

    test("R-09, W10: with another user, an unknown session or an odd generation is refused, and ends nothing", async () => {
      const eve: unknown = decode((await gate.login("eve")).access).claims["sub"];
      const odd = [
        { sub: eve },
        { sub: "abc" },
        { sid: "0".repeat(32) },
        { gen: -1 },
        { gen: 0.5 },
        { gen: "0" },
        { gen: null },
        { gen: (claims["gen"] as number) + 1 },
        { gen: 2 ** 53 },
      ];
      for (const change of odd) {
        const answer = await present({ ...claims, ...change });
        expect([answer.status, answer.code]).toEqual([401, "UNAUTHENTICATED"]);
      }
      expect((await gate.me(tokens.authorization)).status).toBe(200);
      expect((await gate.refresh(tokens.refresh)).status).toBe(200);
    });

    test("JW-6: is never accepted as an access token, whatever its header says, and an access token never as a refresh token", async () => {
      const { header: accessHeader, claims: accessClaims } = decode(tokens.access);
      const asAccess = forge(keys.refresh, { ...header, typ: "at+jwt" }, accessClaims);
      expect((await gate.me(`Bearer ${asAccess}`)).reason).toBe("token_not_valid");
      const asRefresh = forge(keys.access, { ...accessHeader, typ: "rt+jwt" }, claims);
      expect((await gate.refresh(asRefresh)).reason).toBe("token_not_valid");
    });
  });
});
