import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { userIdOf } from "../../../src/features/import-django/identity.js";
import { describeFreshGates } from "../../support/gate.js";
import { importFrom, runOver } from "./command.js";
import { DjangoDatabase } from "./django-database.js";
import { signAsSimpleJwt, type SimpleJwtClaims } from "./django-rows.js";

const SECRET = "django-insecure-3b!h^x2z9$5f";
const DAY = 86_400;
const UNTIL = new Date(Date.now() + 90 * DAY * 1000).toISOString().slice(0, 10);
const OPTIONS = { django: true, djangoSecretKey: SECRET, djangoTokensUntil: UNTIL } as const;

const [ADA, BOB] = [userIdOf("1"), userIdOf("2")];

type Type = SimpleJwtClaims["token_type"];

describeFreshGates(OPTIONS, (gate) => {
  let django: DjangoDatabase;
  let count: number;

  beforeEach(async () => {
    count = 0;
    django = await DjangoDatabase.create("sqlite");
    await django.user({ id: 1, username: "ada" });
    await django.user({ id: 2, username: "bob" });
    await importAll();
  });
  afterEach(() => django.drop());

  const importAll = () => importFrom(gate, django.url);
  const inDays = (days: number) => Math.floor(gate.now / 1000) + days * DAY;
  const lifetimeOf = (token_type: Type) =>
    token_type === "sliding"
      ? { exp: inDays(30), refresh_exp: inDays(30) }
      : { exp: inDays(token_type === "refresh" ? 30 : 1) };

  /** Signs a token of the user ada. */
  const sign = (token_type: Type, claims: object = {}) =>
    signAsSimpleJwt(gate, SECRET, { token_type, user_id: 1, ...lifetimeOf(token_type), ...claims });

  /** Signs a token that simplejwt also has in its table. */
  const signOutstanding = async (token_type: Type, claims: object = {}) => {
    const id = ++count;
    const all = { iat: Math.floor(gate.now / 1000), ...lifetimeOf(token_type), ...claims };
    await django.token(id, 1, { claims: { token_type, ...all } });
    return sign(token_type, { ...all, jti: `jti-${id}` });
  };

  const reasonOf = async (type: Type, token: string) =>
    (type === "access" ? await gate.me(`Bearer ${token}`) : await gate.refresh(token)).reason;
  const countSessions = async () => (await gate.sql("SELECT id FROM session")).length;

  describe.each(["refresh", "sliding"] as const)("a %s token that outlives its session", (type) => {
    const ENDINGS = {
      "after its logout": async (token: string) => {
        const { refresh, token: sliding } = (await gate.refresh(token)).data.refreshToken;
        await gate.logout({ refresh: refresh ?? sliding });
      },
      "after a refresh has replaced it": async (token: string) => {
        expect((await gate.refresh(token)).status).toBe(200);
      },
    };

    test.each(Object.entries(ENDINGS))("stays dead %s", async (_, end) => {
      const token = await signOutstanding(type);
      const unknownToDjango = sign(type);
      await end(token);
      await end(unknownToDjango);
      gate.advance(8 * DAY);
      await gate.auth.maintenance.prune();
      expect(await countSessions()).toBe(0);
      for (const dead of [token, unknownToDjango]) {
        expect(await reasonOf(type, dead)).toBe("token_revoked");
      }
      const { summary } = await importAll();
      expect(summary).toMatchObject({ tokensCreated: 0 });
      for (const dead of [token, unknownToDjango]) {
        expect(await reasonOf(type, dead)).toBe("token_revoked");
      }
      expect(await countSessions()).toBe(0);
    });

    test("is forgotten when Django too would refuse it, and costs one read until then", async () => {
      const token = sign(type);
      await gate.refresh(token);
      gate.advance(8 * DAY);
      await gate.auth.maintenance.prune();
      await gate.flush();
      expect(await gate.countStatements(() => gate.refresh(token))).toBe(1);
      gate.advance(22 * DAY);
      await gate.auth.maintenance.prune();
      expect(await gate.sql("SELECT jti FROM django_token")).toHaveLength(1);
      gate.advance(120);
      await gate.auth.maintenance.prune();
      expect(await gate.sql("SELECT jti FROM django_token")).toEqual([]);
      expect(await reasonOf(type, token)).toBe("token_expired");
    });
  });

  test("a blacklisted token stays dead when its session has been deleted", async () => {
    const token = await signOutstanding("refresh");
    await django.blacklist(1);
    await importAll();
    await gate.sql("DELETE FROM session");
    expect(await reasonOf("refresh", token)).toBe("token_revoked");
  });

  describe("a token that was never sent to Gatehouse", () => {
    const mutate = (mutation: string, authorization: string) =>
      gate.ask(`mutation { ${mutation} { sessionsEnded } }`, { authorization });

    const endSessions = async (...parameters: string[]) => {
      const { code, stderr } = await runOver(gate, "end-sessions", ...parameters);
      expect([code, stderr]).toEqual([0, expect.not.stringContaining("gatehouse:")]);
    };

    /** Calls that end all sessions of ada, or all but one. */
    const ENDINGS: Record<string, () => Promise<unknown>> = {
      logoutAll: async () => {
        const { authorization } = await gate.issue(ADA);
        expect((await mutate("logoutAll", authorization)).status).toBe(200);
      },
      logoutOthers: async () => {
        const { authorization } = await gate.issue(ADA);
        expect((await mutate("logoutOthers", authorization)).status).toBe(200);
        expect((await gate.me(authorization)).status).toBe(200);
      },
      endSessions: async () => {
        const admin = await gate.user("admin", { role: "ADMIN" });
        const { authorization } = await gate.login("admin");
        expect((await mutate(`endSessions(userId: "${ADA}")`, authorization)).status).toBe(200);
        expect((await gate.me(authorization)).data.me.id).toBe(admin);
      },
      "auth.sessions.endAll": () => gate.auth.sessions.endAll(ADA),
      "end-sessions --user": () => endSessions("--user", "ada"),
      "end-sessions --all": () => endSessions("--all"),
      "end-sessions --created-before": () => {
        gate.advance(1);
        return endSessions("--created-before", new Date(gate.now).toISOString());
      },
    };

    test.each(Object.entries(ENDINGS))("is dead after %s, and so is its key", async (_, end) => {
      const types = ["access", "refresh", "sliding"] as const;
      const [header, outstanding] = [await django.key(1), await signOutstanding("refresh")];
      const unseen = types.map((type) => [type, sign(type)] as const);
      const withoutIat = types.map((type) => [type, sign(type, { iat: undefined })] as const);
      await end();
      for (const [type, token] of [...unseen, ...withoutIat]) {
        expect([type, await reasonOf(type, token)]).toEqual([type, "token_revoked"]);
      }
      expect((await importAll()).summary).toMatchObject({ keysCreated: 0, tokensCreated: 0 });
      await importAll();
      expect(await reasonOf("refresh", outstanding)).toBe("token_revoked");
      expect((await gate.me(header)).status).toBe(401);
      // The import uses the real time, so the gate's clock must be later.
      gate.advance(60);
      const later = await signOutstanding("refresh");
      expect((await importAll()).summary).toMatchObject({ tokensCreated: 1 });
      for (const [type, token] of [
        ...types.map((one) => [one, sign(one)] as const),
        ["refresh", later] as const,
      ]) {
        expect([type, await reasonOf(type, token)]).toEqual([type, undefined]);
      }
    });

    test("works after another user's logoutAll, and after the logout of one session", async () => {
      const token = sign("refresh");
      await gate.auth.sessions.endAll(BOB);
      await gate.logout({ refresh: sign("refresh") });
      expect(await reasonOf("refresh", token)).toBeUndefined();
    });
  });

  describe("the limit of 100 open sessions", () => {
    const LIMIT = 100;
    const liveIds = async () => {
      const live = "user_id = ? AND ended_at IS NULL AND expires_at > ?";
      return (await gate.sql(`SELECT id FROM session WHERE ${live}`, [ADA, gate.now])).length;
    };
    const use = async (type: "access" | "refresh") => {
      gate.advance(1);
      const token = sign(type);
      expect([type, await reasonOf(type, token)]).toEqual([type, undefined]);
      return token;
    };

    test("RF-15: holds for Django's tokens: the oldest ends, and the audit trail says so", async () => {
      const first = await gate.issue(ADA);
      for (let index = 0; index < LIMIT; index += 1) await use("refresh");
      expect(await liveIds()).toBe(LIMIT);
      expect((await gate.me(first.authorization)).reason).toBe("token_revoked");
      expect(gate.events.filter(({ type }) => type === "session_ended")).toMatchObject([
        { userId: ADA, sessionId: first.session.id, reason: "limit" },
      ]);
    });

    test("RF-15: counts Django's access tokens separately, so that none of them ends a sign-in", async () => {
      const mine = await gate.issue(ADA);
      const access = await use("access");
      for (let index = 0; index < LIMIT; index += 1) await use("access");
      expect(await liveIds()).toBe(LIMIT + 1);
      expect((await gate.me(`Bearer ${access}`)).reason).toBe("token_revoked");
      await gate.issue(ADA);
      expect((await gate.me(mine.authorization)).status).toBe(200);
      expect((await gate.refresh(mine.refresh)).status).toBe(200);
    });
  });
});
