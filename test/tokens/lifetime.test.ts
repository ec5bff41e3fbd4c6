import { afterEach, describe, expect, test } from "@jest/globals";
import { eventually } from "../support/eventually.js";
import { decode, forge, stealKeys } from "../support/forge.js";
import { DATABASES, Gate } from "../support/gate.js";

describe.each(DATABASES)("over %s", (database) => {
  let gate: Gate;

  afterEach(() => gate.close());

  async function openWithLeeway(leeway: number): Promise<Gate> {
    gate = await Gate.open({ leeway }, database);
    await gate.user("ada");
    return gate;
  }

  /** Moves the clock to this second. */
  const moveTo = (second: number) => {
    gate.advance(second - gate.now / 1000);
  };

  describe("lifetimes", () => {
    test("C-11: an access token is valid one second before exp, and expired at exp", async () => {
      await openWithLeeway(0);
      const { access, authorization } = await gate.login("ada");
      const { exp } = decode(access).claims;
      moveTo(exp - 1);
      expect((await gate.me(authorization)).status).toBe(200);
      moveTo(exp);
      expect(await gate.me(authorization)).toMatchObject({ status: 401, reason: "token_expired" });
    });

    test("C-12: an access token is valid within the leeway after exp, and expired after it", async () => {
      await openWithLeeway(30);
      const { access, authorization } = await gate.login("ada");
      const { exp } = decode(access).claims;
      moveTo(exp + 29);
      expect((await gate.me(authorization)).status).toBe(200);
      moveTo(exp + 30);
      expect(await gate.me(authorization)).toMatchObject({ status: 401, reason: "token_expired" });
    });

    test("A-21: an expired access token is refused with the default options", async () => {
      gate = await Gate.open({}, database);
      await gate.user("ada");
      const { authorization } = await gate.login("ada");
      expect((await gate.me(authorization)).status).toBe(200);
      gate.advance(306);
      const answer = await gate.me(authorization);
      expect(answer).toMatchObject({ code: "UNAUTHENTICATED", reason: "token_expired" });
    });

    test("tokens that are issued in the last second of a session work until its end", async () => {
      gate = await Gate.open(
        { refreshTokenLifetime: 1000, sessionLifetime: 1000, leeway: 5 },
        database,
      );
      await gate.user("ada");
      moveTo(Math.ceil(gate.now / 1000) + 0.3);
      const { refresh } = await gate.login("ada");
      // The session ends in the same second of the clock.
      gate.advance(999.8);
      const next = (await gate.refresh(refresh)).data.refreshToken;
      expect((await gate.me(`Bearer ${next.access}`)).data.me.username).toBe("ada");
      expect((await gate.refresh(next.refresh)).status).toBe(200);
      gate.advance(0.4);
      expect((await gate.me(`Bearer ${next.access}`)).reason).toBe("session_expired");
    });

    test("the server's clock decides about a token, not the signature library's clock", async () => {
      await openWithLeeway(0);
      const { access } = await gate.login("ada");
      const { header, claims } = decode(access);
      const exp = claims.iat + 1;
      const token = forge(stealKeys(gate).access, header, { ...claims, exp });
      await eventually(() => Date.now() > (exp + 1) * 1000);
      expect(gate.now).toBeLessThan(exp * 1000);
      expect((await gate.me(`Bearer ${token}`)).data.me.username).toBe("ada");
    });

    test("an access token never outlives its session, however late it is issued", async () => {
      gate = await Gate.open(
        { refreshTokenLifetime: 1000, sessionLifetime: 1000, leeway: 0 },
        database,
      );
      await gate.user("ada");
      const { refresh } = await gate.login("ada");
      gate.advance(900);
      const { access } = (await gate.refresh(refresh)).data.refreshToken;
      const { exp, iat } = decode(access).claims;
      expect(exp - iat).toBeLessThanOrEqual(100);
      gate.advance(100);
      expect((await gate.me(`Bearer ${access}`)).code).toBe("UNAUTHENTICATED");
    });

    test("T-25: a static token is valid until its expiry, and is then token_expired", async () => {
      gate = await Gate.open({ staticTokenLifetime: 3600 }, database);
      await gate.user("ada");
      const { authorization } = await gate.login("ada", "TOKEN");
      gate.advance(3599);
      expect((await gate.me(authorization)).status).toBe(200);
      gate.advance(1);
      const answer = await gate.me(authorization);
      expect(answer).toMatchObject({ status: 401, reason: "token_expired" });
    });

    test("T-31: a login and a refresh return the expiry of their access token", async () => {
      gate = await Gate.open({ accessTokenLifetime: 600 }, database);
      await gate.user("ada");
      const login = `mutation { login(username: "ada", password: "correct horse battery staple") { access refresh expiresAt } }`;
      const first = (await gate.ask(login)).data.login;
      const second = (await gate.refresh(first.refresh)).data.refreshToken;
      for (const { access, expiresAt } of [first, second]) {
        expect(new Date(expiresAt).getTime()).toBe(decode(access).claims.exp * 1000);
      }
    });

    test("T-31: a login returns the expiry of its token, and null when the token does not expire", async () => {
      const login = `mutation { login(username: "ada", password: "correct horse battery staple", scheme: TOKEN) { expiresAt } }`;
      gate = await Gate.open({ staticTokenLifetime: 3600 }, database);
      await gate.user("ada");
      const { expiresAt } = (await gate.ask(login)).data.login;
      expect(new Date(expiresAt).getTime()).toBe(gate.now + 3_600_000);
      await gate.close();
      gate = await Gate.open({ staticTokenLifetime: null }, database);
      await gate.user("ada");
      const { authorization } = await gate.login("ada", "TOKEN");
      expect((await gate.ask(login)).data.login.expiresAt).toBeNull();
      gate.advance(20 * 365 * 86_400);
      expect((await gate.me(authorization)).status).toBe(200);
    });
  });
});
