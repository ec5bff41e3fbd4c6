import { createHash, randomBytes } from "node:crypto";
import { describe, expect, test } from "@jest/globals";
import { describeGates } from "../../support/gate.js";
import { storeBlacklisted, storeKey, storeUser, signAsSimpleJwt } from "./django-rows.js";

const SECRET = "django-insecure-3b!h^x2z9$5f";

/** The tokens are accepted until the end of this day. */
const UNTIL = new Date(Date.now() + 30 * 86_400_000).toISOString().slice(0, 10);

const OPTIONS = { django: true, djangoSecretKey: SECRET, djangoTokensUntil: UNTIL } as const;

const newKey = () => randomBytes(20).toString("hex");

describeGates({ ...OPTIONS, impersonation: true }, (gate) => {
  let djangoId = 0;

  async function newUser() {
    djangoId += 1;
    const user_id = djangoId;
    const username = `user${user_id}`;
    const id = await storeUser(gate, user_id, username);
    const sign = (token_type: "access" | "refresh" | "sliding", claims: object = {}) =>
      signAsSimpleJwt(gate, SECRET, { token_type, user_id, ...claims });
    return { id, username, sign };
  }

  const sessionsOf = async (authorization: string) =>
    (await gate.ask("{ sessions { id scheme label expiresAt } }", { authorization })).data.sessions;

  describe("a key of rest_framework.authtoken", () => {
    test("is sent as before, costs one statement, and shows as a sign-in without an end", async () => {
      const { id, username } = await newUser();
      const key = newKey();
      await storeKey(gate, id, key);
      const authorization = `Token ${key}`;
      expect((await gate.me(authorization)).data.me).toEqual({ id, username });
      await gate.flush();
      expect(await gate.countStatements(() => gate.me(authorization))).toBe(1);
      const [session] = await sessionsOf(authorization);
      expect(session).toMatchObject({ scheme: "TOKEN", label: null, expiresAt: null });
      expect((await gate.verify(key)).data.verifyToken).toMatchObject({
        active: true,
        scheme: "TOKEN",
      });
    });

    test("T-21: is stored as a hash only, and is dead after its logout", async () => {
      const { id } = await newUser();
      const key = newKey();
      await storeKey(gate, id, key);
      const authorization = `Token ${key}`;
      expect((await gate.logout({ authorization })).data.logout).toEqual({
        message: "Logout successful, token deleted",
        sessionsEnded: 1,
      });
      expect((await gate.me(authorization)).reason).toBe("token_revoked");
    });

    test("is refused if it is unknown, in capitals, cut off, or sent as Bearer", async () => {
      const { id } = await newUser();
      const key = newKey();
      await storeKey(gate, id, key);
      const wrong = [newKey(), key.toUpperCase(), key.slice(1), `${key}0`];
      for (const token of wrong) {
        expect((await gate.me(`Token ${token}`)).reason).toBe("token_not_valid");
      }
      expect((await gate.me(`Bearer ${key}`)).reason).toBe("token_wrong_type");
      expect((await gate.refresh(key)).reason).toBe("token_not_valid");
    });
  });

  describe("an access token of simplejwt", () => {
    test("is accepted until it expires, and costs one statement from the second request on", async () => {
      const { id, username, sign } = await newUser();
      const authorization = `Bearer ${sign("access")}`;
      expect((await gate.me(authorization)).data.me).toEqual({ id, username });
      await gate.flush();
      expect(await gate.countStatements(() => gate.me(authorization))).toBe(1);
      gate.advance(3601);
      expect((await gate.me(authorization)).reason).toBe("token_expired");
    });

    test("lets an administrator act as another user, but no longer than the token lives", async () => {
      const [admin, user] = [await newUser(), await newUser()];
      await gate.auth.accounts.setRole(admin.id, "ADMIN");
      const exp = Math.floor(gate.now / 1000) + 600;
      const authorization = `Bearer ${admin.sign("access", { exp })}`;
      const [session] = await sessionsOf(authorization);
      await gate.core.sessions.recordAuthentication(session, 0);
      const { data } = await gate.ask(
        `mutation { impersonate(userId: "${user.id}", reason: "help") { session { expiresAt } } }`,
        { authorization },
      );
      expect(Date.parse(data.impersonate.session.expiresAt)).toBe(exp * 1000);
    });

    test("is refused with another secret, algorithm or type, and with a missing or malformed claim", async () => {
      const { sign } = await newUser();
      const access = sign("access");
      const forged = [
        signAsSimpleJwt(gate, `${SECRET}x`, { token_type: "access" }),
        ...[null, "", {}, [], -1, 1.5, true].map((user_id) => sign("access", { user_id })),
        ...[null, "", 5, {}].map((jti) => sign("access", { jti })),
        ...[null, "soon", 1e20, 1.5].map((exp) => sign("access", { exp })),
        ...["", "id", "__proto__", null].map((token_type) => sign("access", { token_type })),
        sign("access", { nbf: gate.now / 1000 + 600 }),
        `${access}x`,
        access.replace(/\.[^.]+$/, "."),
        access.replace(/^[^.]+/, Buffer.from('{"alg":"none","typ":"JWT"}').toString("base64url")),
      ];
      for (const token of forged) {
        expect([token, (await gate.me(`Bearer ${token}`)).reason]).toEqual([
          token,
          expect.stringMatching(/^(token_not_valid|bad_authorization_header)$/),
        ]);
      }
      expect((await gate.me(`Bearer ${sign("refresh")}`)).reason).toBe("token_wrong_type");
      expect((await gate.refresh(access)).reason).toBe("token_wrong_type");
      expect((await gate.me(`Token ${access}`)).reason).toBe("token_not_valid");
    });

    test("is refused for a user who was not imported, is inactive, or has a new password", async () => {
      const stranger = signAsSimpleJwt(gate, SECRET, { token_type: "access", user_id: 999_999 });
      expect((await gate.me(`Bearer ${stranger}`)).reason).toBe("user_not_found");
      const changed = await newUser();
      const seen = `Bearer ${changed.sign("access")}`;
      await gate.me(seen);
      await gate.auth.accounts.setPassword(changed.id, "a new password of hers");
      expect((await gate.me(seen)).reason).toBe("password_changed");
      const refresh_exp = Math.floor(gate.now / 1000) + 86_400;
      const unseen = [changed.sign("access"), changed.sign("sliding", { refresh_exp })];
      for (const token of unseen) {
        expect((await gate.me(`Bearer ${token}`)).reason).toBe("password_changed");
      }
      expect((await gate.refresh(changed.sign("refresh"))).reason).toBe("password_changed");
      const inactive = await newUser();
      await gate.auth.accounts.setActive(inactive.id, false);
      expect((await gate.me(`Bearer ${inactive.sign("access")}`)).reason).toBe("user_inactive");
      await gate.auth.accounts.setActive(inactive.id, true);
      expect((await gate.me(`Bearer ${inactive.sign("access")}`)).reason).toBe("password_changed");
    });
  });

  test("an access token of simplejwt is checked against the database, even if bearerCheck is stateless", async () => {
    const stateless = await gate.another({ bearerCheck: "stateless" });
    const reasonOf = async (token: string) => {
      const headers = { authorization: `Bearer ${token}` };
      const { user, authError } = await stateless.auth.createContext({ headers });
      return user?.id ?? authError?.reason;
    };
    const stranger = signAsSimpleJwt(gate, SECRET, { token_type: "access", user_id: 999_999 });
    expect(await reasonOf(stranger)).toBe("user_not_found");
    const { id, sign } = await newUser();
    const [left, used] = [sign("access"), sign("access")];
    expect([await reasonOf(left), await reasonOf(used)]).toEqual([id, id]);
    await stateless.logout({ authorization: `Bearer ${left}` });
    expect(await reasonOf(left)).toBe("token_revoked");
    await gate.auth.accounts.setActive(id, false);
    expect(await reasonOf(used)).toBe("user_inactive");
    await gate.auth.accounts.setActive(id, true);
    expect(await reasonOf(sign("access"))).toBe("password_changed");
    await stateless.close();
  });

  describe("a refresh token of simplejwt", () => {
    test("gives an access and a refresh token of Gatehouse, once", async () => {
      const { id, sign } = await newUser();
      const refresh = sign("refresh", { exp: Math.floor(gate.now / 1000) + 86_400 });
      const first = (await gate.refresh(refresh)).data.refreshToken;
      expect(first.user.id).toBe(id);
      expect((await gate.me(`Bearer ${first.access}`)).status).toBe(200);
      const second = (await gate.refresh(first.refresh)).data.refreshToken;
      expect(second.session.id).toBe(first.session.id);
      gate.advance(60);
      expect((await gate.refresh(refresh)).reason).toBe("token_reused");
      expect((await gate.refresh(second.refresh)).reason).toBe("token_reused");
    });

    test("N-01: gives one successor to simultaneous requests", async () => {
      const { sign } = await newUser();
      const refresh = sign("refresh");
      const answers = await Promise.all(Array.from({ length: 8 }, () => gate.refresh(refresh)));
      const given = new Set(answers.map(({ data }) => data?.refreshToken.refresh));
      expect(given.size).toBe(1);
      expect(given).not.toContain(undefined);
    });

    test("is dead if Django has blacklisted it, or after its logout in Gatehouse", async () => {
      const { id, sign } = await newUser();
      const jti = createHash("md5").update(id).digest("hex");
      await storeBlacklisted(gate, id, jti);
      expect((await gate.refresh(sign("refresh", { jti }))).reason).toBe("token_revoked");
      const refresh = sign("refresh");
      expect((await gate.logout({ refresh })).data.logout.sessionsEnded).toBe(1);
      expect((await gate.refresh(refresh)).reason).toBe("token_revoked");
      expect((await gate.verify(refresh)).data.verifyToken.active).toBe(false);
    });

    test("is refused after it has expired", async () => {
      const { sign } = await newUser();
      const refresh = sign("refresh");
      gate.advance(3601);
      expect((await gate.refresh(refresh)).reason).toBe("token_expired");
      expect(await gate.sql("SELECT 1 FROM django_token WHERE jti = ?", [jtiOf(refresh)])).toEqual(
        [],
      );
    });
  });

  describe("a sliding token of simplejwt", () => {
    test("is accepted as Bearer, and gives a sliding token of Gatehouse until its refresh_exp", async () => {
      const { username, sign } = await newUser();
      const now = Math.floor(gate.now / 1000);
      const token = sign("sliding", { exp: now + 300, refresh_exp: now + 86_400 });
      expect((await gate.me(`Bearer ${token}`)).data.me.username).toBe(username);
      const slid = (await gate.refresh(token)).data.refreshToken;
      expect((await gate.me(`Bearer ${slid.token}`)).data.me.username).toBe(username);
      expect(Date.parse(slid.refreshExpiresAt)).toBe((now + 86_400) * 1000);
      expect((await gate.me(`Bearer ${token}`)).reason).toBe("token_revoked");
    });

    test("is refused without refresh_exp, and after exp", async () => {
      const { sign } = await newUser();
      const now = Math.floor(gate.now / 1000);
      expect((await gate.me(`Bearer ${sign("sliding")}`)).reason).toBe("token_not_valid");
      const token = sign("sliding", { exp: now + 300, refresh_exp: now + 86_400 });
      gate.advance(301);
      expect((await gate.me(`Bearer ${token}`)).reason).toBe("token_expired");
      expect((await gate.refresh(token)).reason).toBe("token_expired");
    });
  });

  test("no token of simplejwt is accepted after the last day", async () => {
    const { sign } = await newUser();
    const exp = Math.floor(gate.now / 1000) + 100 * 86_400;
    const [used, refresh] = [sign("access", { exp }), sign("refresh", { exp })];
    expect((await gate.me(`Bearer ${used}`)).status).toBe(200);
    gate.advance((Date.parse(UNTIL) + 86_400_000 - gate.now) / 1000 - 1);
    expect((await gate.me(`Bearer ${used}`)).status).toBe(200);
    gate.advance(2);
    expect((await gate.me(`Bearer ${used}`)).reason).toBe("token_not_valid");
    expect((await gate.refresh(refresh)).reason).toBe("token_not_valid");
  });
});

describeGates(
  {
    ...OPTIONS,
    jwtCompat: "simplejwt",
    djangoSimpleJwt: {
      ALGORITHM: "HS256",
      ISSUER: "https://shop.example.com",
      AUDIENCE: ["shop", "app"],
      USER_ID_CLAIM: "uid",
      TOKEN_TYPE_CLAIM: "kind",
      JTI_CLAIM: "tid",
      LEEWAY: 30,
    },
  },
  (gate) => {
    test("the claim names, the issuer, the audience and the leeway of SIMPLE_JWT are used", async () => {
      const id = await storeUser(gate, 7, "ada");
      const right = {
        token_type: "access",
        kind: "access",
        uid: 7,
        tid: newKey(),
        iss: "https://shop.example.com",
        aud: "app",
      } as const;
      const reasonOf = async (claims: object) => {
        const token = signAsSimpleJwt(gate, SECRET, { ...right, tid: newKey(), ...claims });
        return (await gate.me(`Bearer ${token}`)).reason;
      };
      const now = Math.floor(gate.now / 1000);
      expect(await reasonOf({})).toBeUndefined();
      expect(await reasonOf({ aud: ["other", "shop"], exp: now - 29 })).toBeUndefined();
      expect(await reasonOf({ exp: now - 31 })).toBe("token_expired");
      for (const wrong of [
        { iss: "https://other.example.com" },
        { aud: "other" },
        { aud: undefined },
        { uid: undefined },
        { kind: undefined },
        { tid: undefined },
      ]) {
        expect([wrong, await reasonOf(wrong)]).toEqual([wrong, "token_not_valid"]);
      }
      const { access } = await gate.issue(id);
      expect(JSON.parse(atob(access.split(".")[1] ?? ""))).toMatchObject({
        user_id: 7,
        token_type: "access",
        jti: expect.any(String),
      });
    });
  },
);

function jtiOf(token: string): string {
  return (JSON.parse(atob(token.split(".")[1] ?? "")) as { jti: string }).jti;
}
