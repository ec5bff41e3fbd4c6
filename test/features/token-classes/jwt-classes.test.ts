import { inspect } from "node:util";
import { beforeAll, describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { AuthError, BadUserInput } from "../../../src/errors.js";
import * as jwtClasses from "../../../src/features/token-classes/jwt-classes.js";
import { Token } from "../../../src/features/token-classes/token.js";
import { TokenRevoked, UserInactive, UserNotFound } from "../../../src/sessions/errors.js";
import { TokenExpired, TokenNotValid, TokenWrongType } from "../../../src/tokens/errors.js";
import { decode, signingInput } from "../../support/forge.js";
import { describeGates, Gate } from "../../support/gate.js";

const DAY = 86_400;
const classes = { ...jwtClasses, Token };
const MADE = ["AccessToken", "RefreshToken", "SlidingToken"] as const;
const NAMES = [...MADE, "UntypedToken"] as const;

describeGates({ leeway: 5 }, (gate) => {
  let ada: { id: string };

  beforeAll(async () => {
    ada = { id: await gate.user("ada") };
  });

  const seconds = () => Math.floor(gate.now / 1000);
  const classOf = (name: (typeof NAMES)[number]) => gate.auth.tokens[name];
  const rowsOf = (userId: string) =>
    gate.sql(
      `SELECT id, scheme, created_at AS created, expires_at AS expires, refresh_expires_at AS "refreshExpires",
         ended_at AS ended, secret_hash AS hash FROM session WHERE user_id = ? ORDER BY created_at, id`,
      [userId],
    );
  const newUser = async (username: string) => ({ id: await gate.user(username) });

  describe("a JWT as a map of claims", () => {
    test.each(MADE)("A-15: %s reads, writes, deletes and tests claims by name", (name) => {
      const token = new (classOf(name))();
      expect(token.has("color")).toBe(false);
      expect(token.get("color")).toBeUndefined();
      expect(token.get("color", "red")).toBe("red");
      expect(token.set("color", "blue")).toBe(token);
      expect([token.has("color"), token.get("color"), token.get("color", "red")]).toEqual([
        true,
        "blue",
        "blue",
      ]);
      expect(token.delete("color")).toBe(true);
      expect(token.delete("color")).toBe(false);
      expect([token.has("color"), token.get("color", "red")]).toEqual([false, "red"]);
    });

    test("A-15: a claim without a value is not replaced by the fallback", () => {
      const token = new gate.auth.tokens.AccessToken();
      for (const value of [null, undefined, 0, "", false]) {
        expect(token.set("color", value).get("color", "red")).toBe(value);
        expect(token.has("color")).toBe(true);
      }
    });

    test("A-15: names that every object inherits are not claims", () => {
      const token = new gate.auth.tokens.AccessToken();
      for (const claim of ["constructor", "toString", "hasOwnProperty", "__proto__"]) {
        expect([token.has(claim), token.get(claim), token.delete(claim)]).toEqual([
          false,
          undefined,
          false,
        ]);
      }
    });

    test("A-15: a claim of any name and any JSON value is read as it was set", () => {
      fc.assert(
        fc.property(
          fc.oneof(fc.string(), fc.constantFrom("__proto__", "constructor", "toString", "exp")),
          fc.jsonValue(),
          (claim, value) => {
            const token = new gate.auth.tokens.AccessToken().set(claim, value);
            expect(token.has(claim)).toBe(true);
            expect(token.get(claim)).toEqual(value);
            expect(token.delete(claim)).toBe(true);
            expect(token.has(claim)).toBe(false);
          },
        ),
      );
    });

    test.each(MADE)("A-15: %s shows its claims and never the token when it is printed", (name) => {
      const token = new (classOf(name))().set("sub", ada.id).set("color", "blue");
      const [, , signature = "?"] = String(token).split(".");
      expect(JSON.parse(JSON.stringify(token))).toEqual(token.payload);
      for (const printed of [JSON.stringify(token), inspect(token, { depth: 9 })]) {
        expect(printed).toContain("blue");
        expect(printed).not.toContain(signature);
        expect(printed).not.toContain("eyJ");
      }
    });

    test("A-15: changing the result of toJSON does not change the token", () => {
      const token = new gate.auth.tokens.AccessToken().set("color", "blue");
      token.toJSON()["color"] = "red";
      expect(token.get("color")).toBe("blue");
    });

    test("A-15: changing a token that was read does not change a second reading of its text", async () => {
      const { access } = await gate.login("ada");
      const { AccessToken } = gate.auth.tokens;
      expect(new AccessToken(access).set("sub", "eve").get("sub")).toBe("eve");
      expect(new AccessToken(access).get("sub")).toBe(ada.id);
      expect((await gate.me(`Bearer ${access}`)).data.me.username).toBe("ada");
    });
  });

  describe("a new JWT", () => {
    test.each([
      ["AccessToken", "access", 300],
      ["RefreshToken", "refresh", 7 * DAY],
      ["SlidingToken", "sliding", 7 * DAY],
    ] as const)(
      "A-08, C-07: made by %s has its type, its lifetime and 128 random bits",
      (...row) => {
        const [name, type, lifetime] = row;
        const token = new (classOf(name))();
        expect(token.payload).toMatchObject({
          token_type: type,
          iat: seconds(),
          exp: seconds() + lifetime,
        });
        expect(token.get("jti")).toMatch(/^[0-9a-f]{32}$/);
        expect(token.currentTime).toBe(gate.now);
        expect([token.has("sub"), token.has("sid")]).toEqual([false, false]);
      },
    );

    test("S-02: made by SlidingToken has a claim for the last time of a slide, and no other token has one", () => {
      const { AccessToken, RefreshToken, SlidingToken } = gate.auth.tokens;
      expect(new SlidingToken().get("refresh_exp")).toBe(seconds() + 30 * DAY);
      for (const token of [new AccessToken(), new RefreshToken()]) {
        expect(token.has("refresh_exp")).toBe(false);
      }
    });

    test.each(MADE)("A-06: made by %s is refused by its own check while it has no user", (name) => {
      const token = new (classOf(name))();
      expect(() => {
        token.verify();
      }).toThrow(TokenNotValid);
      expect(() => new (classOf(name))(String(token))).toThrow(TokenNotValid);
    });

    test("C-05, C-07: gets 128 new random bits from each setJti", () => {
      const token = new gate.auth.tokens.RefreshToken();
      const seen = [token.get("jti")];
      for (let turn = 0; turn < 20; turn += 1) seen.push(token.setJti().get("jti"));
      expect(new Set(seen).size).toBe(21);
      for (const jti of seen) expect(jti).toMatch(/^[0-9a-f]{32}$/);
    });

    test("C-09: gets the claim, the start and the lifetime that are passed to setExp and setIat", () => {
      const token = new gate.auth.tokens.AccessToken();
      const { currentTime, payload } = token;
      const { exp, iat } = payload;
      token.setExp({ claim: "refresh_exp", from: 1_000_999, lifetime: 60 });
      token.setIat({ claim: "seen_at", at: 2_000_999 });
      expect(payload).toMatchObject({ refresh_exp: 1060, seen_at: 2000, exp, iat });
      token.setExp({ lifetime: 60 }).setIat({ at: 5_000 });
      expect(payload).toMatchObject({ exp: Math.floor(currentTime / 1000) + 60, iat: 5 });
      token.setExp({ from: 5_000 });
      expect(payload["exp"]).toBe(305);
      token.setExp().setIat();
      expect(payload).toMatchObject({ exp, iat });
    });

    test.each([...MADE, "Token"] as const)(
      "A-10: cannot be made by %s without createAuth",
      async (name) => {
        const message = /createAuth/;
        expect(() => new classes[name]()).toThrow(TypeError);
        expect(() => new classes[name]()).toThrow(message);
        expect(() => new classes[name]("eyJ.eyJ.eyJ")).toThrow(message);
        expect(() => new classes[name](null, { verify: false })).toThrow(message);
        await expect(classes[name].forUser(ada)).rejects.toThrow(message);
      },
    );

    test("A-10: cannot be made by a class without a type", () => {
      class Mine extends classes.Token {
        static override readonly backend = gate.auth.tokens.AccessToken.backend;
      }
      const message = "Cannot create token with no type or lifetime.";
      expect(() => new Mine()).toThrow(new TypeError(message));
    });

    test("A-10: cannot be made by UntypedToken, and the error is the same", async () => {
      const { UntypedToken } = gate.auth.tokens;
      const message = "Cannot create token with no type or lifetime.";
      const before = await rowsOf(ada.id);
      expect(() => new UntypedToken()).toThrow(new TypeError(message));
      await expect(UntypedToken.forUser(ada)).rejects.toThrow(new TypeError(message));
      expect(await rowsOf(ada.id)).toEqual(before);
    });

    test("A-16: has the backend of its configuration", async () => {
      const twin = await gate.another();
      try {
        const { StaticToken } = gate.auth.tokens;
        const backends = [...NAMES.map((name) => classOf(name).backend), StaticToken.backend];
        expect(new Set(backends).size).toBe(1);
        expect(backends[0]).toBeDefined();
        expect(twin.auth.tokens.AccessToken.backend).not.toBe(backends[0]);
        for (const name of NAMES) expect(classes[name].backend).toBeUndefined();
      } finally {
        await twin.close();
      }
    });

    test("A-16: is an instance of the class that its type names", async () => {
      const refresh = await gate.auth.tokens.RefreshToken.forUser(ada);
      expect(refresh).toBeInstanceOf(classes.RefreshToken);
      expect(refresh).toBeInstanceOf(gate.auth.tokens.RefreshToken);
      expect(refresh.accessToken).toBeInstanceOf(gate.auth.tokens.AccessToken);
    });
  });

  describe("checkExp", () => {
    test("C-11: refuses a token once the leeway is over, and not a second earlier", () => {
      const token = new gate.auth.tokens.AccessToken();
      const exp = token.get("exp") as number;
      const check = (at: number) => () => {
        token.checkExp({ at });
      };
      for (const at of [(exp - 1) * 1000, exp * 1000, (exp + 5) * 1000 - 1]) {
        expect(check(at)).not.toThrow();
      }
      for (const at of [(exp + 5) * 1000, (exp + 6) * 1000]) {
        expect(check(at)).toThrow(TokenExpired);
      }
    });

    test("C-11: refuses a token at exp itself without leeway", async () => {
      const strict = await gate.another({ leeway: 0 });
      try {
        const token = await strict.auth.tokens.AccessToken.forUser(ada);
        const exp = token.get("exp") as number;
        token.checkExp({ at: exp * 1000 - 1 });
        expect(() => {
          token.checkExp({ at: exp * 1000 });
        }).toThrow(TokenExpired);
      } finally {
        await strict.close();
      }
    });

    test("C-09: checks the given claim at the given time, by default the time when the token was made or read", () => {
      const token = new gate.auth.tokens.SlidingToken();
      token.checkExp();
      token.checkExp({ claim: "refresh_exp", at: gate.now + 29 * DAY * 1000 });
      expect(() => {
        token.checkExp({ claim: "refresh_exp", at: gate.now + 31 * DAY * 1000 });
      }).toThrow(TokenExpired);
      token.setExp({ lifetime: -6 });
      expect(() => {
        token.checkExp();
      }).toThrow(TokenExpired);
    });

    test.each([undefined, null, "1", NaN, Infinity, 1.5, true, {}])(
      "A-07: refuses a claim that is not an instant: %p",
      (value) => {
        const token = new gate.auth.tokens.AccessToken().set("exp", value);
        const check = (claim: string) => () => {
          token.checkExp({ claim });
        };
        expect(check("exp")).toThrow(TokenNotValid);
        expect(check("none")).toThrow(TokenNotValid);
      },
    );

    test("C-12: accepts a token within the leeway after exp, as the API does, and not after it", async () => {
      const { AccessToken } = gate.auth.tokens;
      const text = String(await AccessToken.forUser(ada));
      gate.advance(304);
      expect(new AccessToken(text).get("sub")).toBe(ada.id);
      expect((await gate.me(`Bearer ${text}`)).status).toBe(200);
      gate.advance(1);
      expect(() => new AccessToken(text)).toThrow(TokenExpired);
      expect((await gate.me(`Bearer ${text}`)).reason).toBe("token_expired");
    });
  });

  describe("a JWT that is read", () => {
    test.each(MADE)("A-12: by %s has all signed claims", async (name) => {
      const token = await classOf(name).forUser(ada);
      token.set("color", "blue").set("nested", { deep: [1, "two", null] });
      const read = new (classOf(name))(String(token));
      expect(read.payload).toEqual(token.payload);
      expect(new gate.auth.tokens.UntypedToken(String(token)).payload).toEqual(token.payload);
    });

    test("V-01: by UntypedToken may have any type, and is signed again with that type", async () => {
      const { UntypedToken } = gate.auth.tokens;
      for (const name of MADE) {
        const text = String(await classOf(name).forUser(ada));
        const token = new UntypedToken(text);
        token.verify();
        await token.checkBlacklist();
        expect(decode(String(token))).toEqual(decode(text));
        const { active } = (await gate.verify(text)).data.verifyToken;
        expect(active).toBe(true);
      }
    });

    test("V-01: by UntypedToken is refused when its type is changed", async () => {
      const { RefreshToken, UntypedToken } = gate.auth.tokens;
      const token = new UntypedToken(String(await RefreshToken.forUser(ada)));
      for (const type of ["king", "access", undefined]) {
        token.set("token_type", type);
        expect(() => String(token)).toThrow(TokenWrongType);
      }
    });

    test("by the class of another type is refused", async () => {
      for (const name of MADE) {
        const text = String(await classOf(name).forUser(ada));
        for (const other of MADE.filter((it) => it !== name)) {
          expect(() => new (classOf(other))(text)).toThrow(TokenWrongType);
        }
      }
    });

    test("A-13: is refused by each class when it is malformed, changed, or a static key", async () => {
      const text = String(await gate.auth.tokens.RefreshToken.forUser(ada));
      const { token: key } = await gate.login("ada", "TOKEN");
      const [header = "", , signature = ""] = text.split(".");
      const forged = [header, signingInput({}, { sub: "eve" }).split(".")[1], signature].join(".");
      for (const name of NAMES) {
        for (const bad of ["", "x", "a.b.c", key, `${text} `, forged]) {
          expect(() => new (classOf(name))(bad)).toThrow(AuthError);
        }
      }
    });

    test("C-21: without any check shows the claims of a forged, expired or other token", async () => {
      const { AccessToken, UntypedToken } = gate.auth.tokens;
      const claims = { sub: "eve", color: "blue" };
      const forged = `${signingInput({ alg: "none" }, claims)}.AAAA`;
      for (const Class of [AccessToken, UntypedToken]) {
        expect(() => new Class(forged)).toThrow(AuthError);
        expect(new Class(forged, { verify: false }).payload).toEqual(claims);
      }
      const text = String(await AccessToken.forUser(ada));
      const unverified = new UntypedToken(text, { verify: false });
      expect(() => String(unverified)).toThrow(TokenWrongType);
      const { refresh } = await gate.login("ada");
      expect(new AccessToken(refresh, { verify: false }).get("token_type")).toBe("refresh");
      for (const bad of ["", "x", "a.b.c", `a.${Buffer.from("[1]").toString("base64url")}.c`]) {
        expect(() => new AccessToken(bad, { verify: false })).toThrow(TokenNotValid);
      }
    });

    test("C-21: without any check shows the claims in any spelling of JSON", () => {
      const { AccessToken } = gate.auth.tokens;
      for (const spelling of ['{ "sub": "eve" }', '{"sub":"\\u0065ve"}', '{"sub":"eve"}\n']) {
        const foreign = `${signingInput({ alg: "HS256" }, spelling)}.AAAA`;
        expect(() => new AccessToken(foreign)).toThrow(AuthError);
        expect(new AccessToken(foreign, { verify: false }).payload).toEqual({ sub: "eve" });
      }
    });

    test("C-21: is refused by every operation if it is readable only without a check", async () => {
      const forged = `${signingInput({ alg: "none" }, { sub: ada.id })}.AAAA`;
      for (const text of [forged, forged.replace(/\.AAAA$/, ".")]) {
        expect((await gate.me(`Bearer ${text}`)).code).toBe("UNAUTHENTICATED");
        expect((await gate.refresh(text)).code).toBe("UNAUTHENTICATED");
        expect((await gate.verify(text)).data.verifyToken.active).toBe(false);
      }
    });
  });

  describe("verify", () => {
    test.each(MADE)(
      "C-09: checks a token of %s with all changes since it was read",
      async (name) => {
        const token = await classOf(name).forUser(ada);
        const verify = () => {
          token.verify();
        };
        expect(verify).not.toThrow();
        token.setExp({ lifetime: 60, from: gate.now - 100_000 }).setIat({ at: gate.now - 100_000 });
        expect(verify).toThrow(TokenExpired);
        token.setIat().setExp();
        expect(verify).not.toThrow();
        for (const claim of ["sub", "sid", "jti", "exp", "iss", "aud", "token_type"]) {
          const value = token.get(claim);
          token.delete(claim);
          expect(verify).toThrow(AuthError);
          token.set(claim, value);
          expect(verify).not.toThrow();
        }
        token.set("aud", "others");
        expect(verify).toThrow(TokenNotValid);
      },
    );

    test.each(MADE)(
      "C-09: checks a token of %s that is signed with exactly its claims",
      async (name) => {
        const token = await classOf(name).forUser(ada);
        for (const claim of ["iat", "jti", "color"]) {
          token.delete(claim);
          expect(decode(String(token)).claims).toEqual(token.payload);
        }
        expect(() => {
          token.verify();
        }).toThrow(TokenNotValid);
      },
    );

    test("C-09: refuses an access token that lives longer than the configuration allows, as the API does", async () => {
      const { AccessToken } = gate.auth.tokens;
      const token = (await AccessToken.forUser(ada)).setExp({ lifetime: 301 });
      expect(() => {
        token.verify();
      }).toThrow(TokenNotValid);
      expect((await gate.me(`Bearer ${String(token)}`)).reason).toBe("token_not_valid");
      token.setExp({ lifetime: 60 });
      expect((await gate.me(`Bearer ${String(token)}`)).status).toBe(200);
    });

    test.each(["RefreshToken", "SlidingToken"] as const)(
      "C-09, R-06: refuses a %s with a shorter lifetime once that is over, as a refresh does",
      async (name) => {
        const token = (await classOf(name).forUser(ada)).setExp({ lifetime: 60 });
        const text = String(token);
        gate.advance(66);
        expect(() => new (classOf(name))(text)).toThrow(TokenExpired);
        expect((await gate.verify(text)).data.verifyToken.active).toBe(false);
        expect(await gate.refresh(text)).toMatchObject({ status: 401, reason: "token_expired" });
      },
    );

    test("JW-13: refuses tokens of another configuration", async () => {
      const other = await Gate.open({}, "sqlite");
      try {
        const stranger = { id: await other.user("ada") };
        for (const name of MADE) {
          const text = String(await other.auth.tokens[name].forUser(stranger));
          expect(() => new (classOf(name))(text)).toThrow(TokenNotValid);
        }
      } finally {
        await other.close();
      }
    });
  });

  describe("RefreshToken.accessToken", () => {
    test("R-02, R-07: has the session and the application's claims, and its own exp, iat, jti and type", async () => {
      const refresh = await gate.auth.tokens.RefreshToken.forUser(ada);
      refresh.set("color", "blue").set("tenant", { id: 7 });
      const access = refresh.accessToken;
      const { exp, iat, jti, ...rest } = access.payload;
      const { iss, aud, sub, sid } = refresh.payload;
      expect(rest).toEqual({
        ...{ iss, aud, sub, sid, token_type: "access", client_id: "gatehouse" },
        ...{ color: "blue", tenant: { id: 7 } },
      });
      expect([iat, exp]).toEqual([seconds(), seconds() + 300]);
      expect(jti).toMatch(/^[0-9a-f]{32}$/);
      expect([jti, exp]).not.toContain(refresh.get("jti"));
      expect(exp).not.toBe(refresh.get("exp"));
      expect(refresh.accessToken.get("jti")).not.toBe(jti);
      access.verify();
      expect((await gate.me(`Bearer ${String(access)}`)).data.me.username).toBe("ada");
    });

    test("R-02: works like the login's own access token, and ends with the session", async () => {
      const { refresh } = await gate.login("ada");
      const authorization = `Bearer ${String(new gate.auth.tokens.RefreshToken(refresh).accessToken)}`;
      expect((await gate.me(authorization)).status).toBe(200);
      await gate.logout({ refresh });
      expect((await gate.me(authorization)).reason).toBe("token_revoked");
    });

    test("R-08: has a lifetime that begins when the refresh token was read", async () => {
      const { refresh } = await gate.login("ada");
      const readAt = seconds();
      const token = new gate.auth.tokens.RefreshToken(refresh);
      gate.advance(120);
      const access = token.accessToken;
      expect([access.get("iat"), access.get("exp")]).toEqual([readAt, readAt + 300]);
      expect(new gate.auth.tokens.RefreshToken(refresh).accessToken.get("exp")).toBe(readAt + 420);
    });

    test("R-02, W16: a refresh keeps the application's claims, and a role among them gives no rights", async () => {
      const token = await gate.auth.tokens.RefreshToken.forUser(ada);
      token.set("role", "ADMIN").set("color", "blue");
      const { data } = await gate.refresh(String(token));
      const { access, refresh } = data.refreshToken;
      for (const text of [access, refresh]) {
        expect(decode(text).claims).toMatchObject({ role: "ADMIN", color: "blue" });
      }
      const list = "{ allSessions { edges { node { id } } } }";
      const answer = await gate.ask(list, { authorization: `Bearer ${access}` });
      expect(answer.reason).toBe("role_required");
    });
  });

  describe("forUser", () => {
    test.each([
      ["AccessToken", "JWT"],
      ["RefreshToken", "JWT"],
      ["SlidingToken", "SLIDING"],
    ] as const)("B-07: opens one session without a secret: %s, %s", async (...row) => {
      const [name, scheme] = row;
      const user = await newUser(`b07-${name}`);
      const token = await classOf(name).forUser(user);
      await token.outstand();
      await token.outstand();
      expect(token.get("sub")).toBe(user.id);
      const rows = (await rowsOf(user.id)).map((it) => ({
        ...it,
        created: Number(it.created),
        expires: Number(it.expires),
        refreshExpires: Number(it.refreshExpires),
      }));
      expect(rows).toEqual([
        {
          id: token.get("sid"),
          scheme,
          created: token.currentTime,
          expires: token.currentTime + 30 * DAY * 1000,
          refreshExpires: token.currentTime + 7 * DAY * 1000,
          ended: null,
          hash: null,
        },
      ]);
    });

    test("U-13, V-01: gives a token of each class that names the same user everywhere", async () => {
      const { AccessToken, RefreshToken, SlidingToken } = gate.auth.tokens;
      for (const token of [await AccessToken.forUser(ada), await SlidingToken.forUser(ada)]) {
        const { data } = await gate.me(`Bearer ${String(token)}`);
        expect(data.me).toEqual({ id: ada.id, username: "ada" });
      }
      const refresh = await RefreshToken.forUser(ada);
      const { data } = await gate.refresh(String(refresh));
      expect(data.refreshToken.user.id).toBe(ada.id);
      expect(data.refreshToken.session.id).toBe(refresh.get("sid"));
    });

    test("B-07: opens a session that its user can list and end", async () => {
      const user = await newUser("sees");
      const token = await gate.auth.tokens.RefreshToken.forUser(user);
      const authorization = `Bearer ${String(token.accessToken)}`;
      const { data } = await gate.ask("{ sessions { id scheme } }", { authorization });
      expect(data.sessions).toEqual([{ id: token.get("sid"), scheme: "JWT" }]);
      await gate.ask("mutation { logoutAll { sessionsEnded } }", { authorization });
      expect((await gate.refresh(String(token))).reason).toBe("token_revoked");
    });

    test("U-14: refuses an unknown, inactive or deleted user, and opens no session", async () => {
      const idle = await newUser("idle");
      await gate.auth.accounts.setActive(idle.id, false);
      const gone = await newUser("gone");
      await gate.auth.accounts.deleteUser(gone.id);
      const count = async () => (await gate.sql(`SELECT count(*) AS n FROM session`))[0].n;
      const before = await count();
      for (const name of MADE) {
        for (const user of [idle, gone, { id: "" }, { id: "f".repeat(32) }, { id: "a\0b" }]) {
          await expect(classOf(name).forUser(user)).rejects.toThrow(BadUserInput);
        }
      }
      expect(await count()).toBe(before);
    });

    test("U-14: gives a token that is refused once its user is deactivated", async () => {
      const user = await newUser("later-idle");
      const { AccessToken, RefreshToken } = gate.auth.tokens;
      const [access, refresh] = [await AccessToken.forUser(user), await RefreshToken.forUser(user)];
      await gate.auth.accounts.setActive(user.id, false);
      expect((await gate.me(`Bearer ${String(access)}`)).reason).toBe("user_inactive");
      expect((await gate.refresh(String(refresh))).reason).toBe("user_inactive");
      await expect(refresh.checkBlacklist()).rejects.toThrow(UserInactive);
    });

    test("U-11, U-16: puts only the id of the user into the token", async () => {
      const user = {
        id: await gate.user("canary-name", { email: "canary@example.com", role: "ADMIN" }),
      };
      const [{ hash }] = await gate.sql(`SELECT password_hash AS hash FROM "user" WHERE id = ?`, [
        user.id,
      ]);
      for (const name of MADE) {
        const { claims } = decode(String(await classOf(name).forUser(user)));
        const own = name === "AccessToken" ? ["client_id"] : ["gen"];
        const slides = name === "SlidingToken" ? ["refresh_exp"] : [];
        expect(Object.keys(claims).sort()).toEqual(
          ["aud", "exp", "iat", "iss", "jti", "sid", "sub", "token_type", ...own, ...slides].sort(),
        );
        expect(JSON.stringify(claims)).not.toMatch(/canary|ADMIN|argon/);
        expect(JSON.stringify(claims)).not.toContain(hash);
      }
    });

    test("U-16: gives a token that stays valid for the same user when the name changes", async () => {
      const user = await newUser("old-name");
      await gate.sql(
        'UPDATE "user" SET username_skeleton = NULL, shown_skeleton = NULL WHERE id = ?',
        [user.id],
      );
      const text = String(await gate.auth.tokens.AccessToken.forUser(user));
      const rename = `UPDATE "user" SET username = ?, username_key = ? WHERE id = ?`;
      await gate.sql(rename, ["new-name", "new-name", user.id]);
      await gate.user("old-name");
      const { data } = await gate.me(`Bearer ${text}`);
      expect(data.me).toEqual({ id: user.id, username: "new-name" });
    });
  });

  describe("blacklist", () => {
    test.each(MADE)("B-11: opens the session of a %s that has none, and ends it", async (name) => {
      const user = await newUser(`b11-${name}`);
      const token = new (classOf(name))().set("sub", user.id);
      expect(await token.blacklist()).toBe(true);
      const rows = await rowsOf(user.id);
      expect(rows).toHaveLength(1);
      expect(rows[0].id).toBe(token.get("sid"));
      expect(Number(rows[0].ended)).toBe(gate.now);
      await expect(token.checkBlacklist()).rejects.toThrow(TokenRevoked);
      const text = String(token);
      expect((await gate.verify(text)).data.verifyToken.active).toBe(false);
      expect(await token.blacklist()).toBe(false);
      expect(await rowsOf(user.id)).toHaveLength(1);
    });

    test("B-11: issues no token for a token that has no session, and ends no other session", async () => {
      const user = await newUser("b11-full");
      for (let count = 0; count < 100; count += 1) await gate.issue(user.id);
      gate.events.length = 0;
      const token = new gate.auth.tokens.RefreshToken().set("sub", user.id);
      expect(await token.blacklist()).toBe(true);
      const sessionId = token.get("sid");
      const ended = { type: "session_ended", userId: user.id, sessionId, reason: "logout" };
      expect(gate.events).toEqual([ended]);
      expect(await gate.auth.sessions.list(user)).toHaveLength(100);
    });

    test("B-11: refuses a token without a user, or with an unknown one", async () => {
      const token = new gate.auth.tokens.RefreshToken();
      await expect(token.blacklist()).rejects.toThrow(TokenNotValid);
      token.set("sub", "f".repeat(32));
      await expect(token.blacklist()).rejects.toThrow(BadUserInput);
      await expect(token.checkBlacklist()).rejects.toThrow(AuthError);
    });

    test("B-01: ends the session of a login's token, once, with all of its tokens", async () => {
      const { RefreshToken } = gate.auth.tokens;
      const { authorization, refresh } = await gate.login("ada");
      const other = await gate.login("ada");
      const token = new RefreshToken(refresh);
      await token.checkBlacklist();
      expect(await token.blacklist()).toBe(true);
      expect(await new RefreshToken(refresh).blacklist()).toBe(false);
      await expect(token.checkBlacklist()).rejects.toThrow(TokenRevoked);
      expect((await gate.me(authorization)).reason).toBe("token_revoked");
      expect((await gate.refresh(refresh)).reason).toBe("token_revoked");
      expect((await gate.me(other.authorization)).status).toBe(200);
    });

    test("B-01: ends the session once when called three times at once", async () => {
      const { refresh } = await gate.login("ada");
      const token = new gate.auth.tokens.RefreshToken(refresh);
      const ended = await Promise.all([token.blacklist(), token.blacklist(), token.blacklist()]);
      expect(ended.filter(Boolean)).toHaveLength(1);
    });

    test("B-14: refuses a token forever, even if its user is deleted and the name is taken again", async () => {
      const user = await newUser("b14");
      const tokens: Token[] = [];
      for (const name of MADE) {
        const token = await classOf(name).forUser(user);
        await token.blacklist();
        tokens.push(token);
      }
      const expectRefused = async (refusal: typeof AuthError) => {
        for (const token of tokens) {
          const text = String(token);
          await expect(token.checkBlacklist()).rejects.toThrow(refusal);
          expect((await gate.verify(text)).data.verifyToken.active).toBe(false);
          expect((await gate.me(`Bearer ${text}`)).code).toBe("UNAUTHENTICATED");
          expect((await gate.refresh(text)).code).toBe("UNAUTHENTICATED");
        }
      };
      await expectRefused(TokenRevoked);
      await gate.auth.accounts.deleteUser(user.id);
      await expectRefused(UserNotFound);
      await newUser("b14");
      await expectRefused(UserNotFound);
    });

    test("checkBlacklist refuses a used refresh token, and accepts its successor", async () => {
      const { RefreshToken } = gate.auth.tokens;
      const { refresh } = await gate.login("ada");
      const { data } = await gate.refresh(refresh);
      await expect(new RefreshToken(refresh).checkBlacklist()).rejects.toThrow(TokenRevoked);
      await new RefreshToken(data.refreshToken.refresh).checkBlacklist();
    });

    test("B-21: leaves a session row with its user and its id, and no secret", async () => {
      const user = await newUser("b21");
      const token = await gate.auth.tokens.RefreshToken.forUser(user);
      const text = String(token);
      await token.blacklist();
      const [row] = await gate.sql(`SELECT * FROM session WHERE user_id = ?`, [user.id]);
      expect(row).toMatchObject({ id: token.get("sid"), user_id: user.id, end_reason: "logout" });
      expect(row.secret_hash).toBeNull();
      for (const segment of text.split(".")) expect(inspect(row)).not.toContain(segment);
    });
  });
});
