import { beforeEach, describe, expect, test } from "@jest/globals";
import { BadUserInput, InvalidCredentials, TokenNotValid, TokenRevoked } from "../../src/index.js";
import { describeGates, PASSWORD } from "../support/gate.js";

const NO_SUCH_USER = { name: "NoSuchUser", message: "There is no such user." };
const DAY = 86_400;

describeGates((gate) => {
  let names = 0;
  let username: string;
  let id: string;

  beforeEach(async () => {
    username = `user${(names += 1)}`;
    id = await gate.user(username);
  });

  describe("auth.authentication", () => {
    test("logs in by JWT unless a scheme is given", async () => {
      const { authentication } = gate.auth;
      const pair = await authentication.login({ username }, PASSWORD);
      expect(pair.principal).toMatchObject({ id, username, session: { scheme: "JWT" } });
      expect((await gate.me(`Bearer ${pair.access!}`)).status).toBe(200);
      const { token } = await authentication.login({ username }, PASSWORD, "TOKEN");
      expect((await gate.me(`Token ${token!}`)).status).toBe(200);
      await expect(authentication.login({ username }, "a wrong password")).rejects.toThrow(
        InvalidCredentials,
      );
    });

    test("refreshes, and refuses the tokens of a session that has ended", async () => {
      const { authentication, sessions } = gate.auth;
      const first = await authentication.login({ username }, PASSWORD);
      const next = await authentication.refresh(first.refresh!);
      expect(next.principal.session.id).toBe(first.principal.session.id);
      await sessions.end(first.principal.session.id);
      await expect(authentication.refresh(next.refresh!)).rejects.toThrow(TokenRevoked);
    });

    test("V-01: verifies tokens of every type, and returns null for others", async () => {
      const { authentication } = gate.auth;
      const { access, refresh } = await authentication.login({ username }, PASSWORD);
      const { token } = await authentication.login({ username }, PASSWORD, "TOKEN");
      const types = [];
      for (const text of [access, refresh, token]) {
        const verification = await authentication.verifyToken(text!);
        expect(verification?.principal.id).toBe(id);
        types.push(verification?.tokenType);
      }
      expect(types).toEqual(["Bearer", null, "Token"]);
      expect(await authentication.verifyToken("x")).toBeNull();
    });

    test.each(["access", "refresh", "sliding", "static"] as const)(
      "B-01: logs out by a token of the type %s, once",
      async (type) => {
        const { authentication } = gate.auth;
        const scheme = { access: "JWT", refresh: "JWT", sliding: "SLIDING", static: "TOKEN" };
        const issued = await gate.login(username, scheme[type] as "JWT");
        const text = type === "access" || type === "refresh" ? issued[type] : issued.token;
        expect(await authentication.logout(text)).toBe(true);
        expect(await authentication.logout(text)).toBe(false);
        expect((await gate.me(issued.authorization)).reason).toBe("token_revoked");
        await gate.auth.accounts.deleteUser(id);
        expect(await authentication.logout(text)).toBe(false);
      },
    );

    test("logs out by an expired token, and refuses a foreign one", async () => {
      const { authentication } = gate.auth;
      const { access, refresh } = await gate.login(username);
      gate.advance(DAY);
      expect(await authentication.logout(access)).toBe(true);
      expect((await gate.refresh(refresh)).reason).toBe("token_revoked");
      for (const text of ["", "x", "gth_x", `${refresh}x`]) {
        await expect(authentication.logout(text)).rejects.toThrow(TokenNotValid);
      }
    });
  });

  describe("a user who cannot have a token", () => {
    /** Each way to open a session in code. */
    const openAll = (user: string) => {
      const { AccessToken, RefreshToken, SlidingToken, StaticToken } = gate.auth.tokens;
      return [
        () => AccessToken.forUser(user),
        () => RefreshToken.forUser({ id: user }),
        () => SlidingToken.forUser(user),
        () => StaticToken.create({ id: user }),
        () => StaticToken.getOrCreate(user),
        () => gate.auth.authentication.createStaticToken(user),
        () => new RefreshToken().set("sub", user).outstand(),
      ];
    };
    const inactive = new BadUserInput("The user is inactive.");

    test.each([42, "", "x", "f".repeat(32), {}, ["f".repeat(32)]])(
      "U-14: is refused in the same words by forUser, create, getOrCreate and createStaticToken: %j",
      async (user) => {
        for (const open of openAll(user as string).slice(0, 6)) {
          await expect(open()).rejects.toMatchObject(NO_SUCH_USER);
        }
      },
    );

    test("U-14: is refused in the same words by every method once deleted", async () => {
      await gate.auth.accounts.deleteUser(id);
      for (const open of openAll(id)) await expect(open()).rejects.toMatchObject(NO_SUCH_USER);
    });

    test("U-14: is refused as inactive by every method", async () => {
      await gate.auth.accounts.setActive(id, false);
      for (const open of openAll(id)) await expect(open()).rejects.toThrow(inactive);
    });
  });
});
