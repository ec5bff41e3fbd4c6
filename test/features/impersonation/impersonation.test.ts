import { beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import type { AuthEvent, AuthScheme, Client } from "../../../src/events.js";
import { describeGates, type GateOptions, PASSWORD, type Tokens } from "../../support/gate.js";
import { rowsDuring } from "../audit/stored.js";

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const IMPERSONATE = `mutation ($userId: ID!, $reason: String!) {
  impersonate(userId: $userId, reason: $reason) {
    scheme tokenType token access refresh expiresAt refreshExpiresAt
    session { id scheme isCurrent isImpersonated isNamedToken expiresAt } user { id username }
  }
}`;
const ME = `{ me { id username lastLoginAt impersonatedBy { id username impersonatedBy { id } } } }`;
const SESSIONS = `{ sessions { id isImpersonated isCurrent } }`;
const BAD = { status: 400, code: "BAD_USER_INPUT", data: null };
const REVOKED = { status: 401, code: "UNAUTHENTICATED", reason: "token_revoked" };

interface Payload extends Tokens {
  expiresAt: string;
  refreshExpiresAt: string;
  session: Tokens["session"] & { expiresAt: string };
  user: object;
}

const recorded: [event: AuthEvent, client: Client][] = [];

const options: GateOptions = {
  impersonation: true,
  accessTokenLifetime: HOUR,
  onEvent: (event, client) => {
    recorded.push([event, client]);
  },
};

describeGates(options, (gate) => {
  let count = 0;
  let adminId: string;
  let userId: string;
  let admin: Tokens;

  beforeAll(async () => {
    // Another administrator is needed, because tests demote or delete theirs.
    await gate.user("root", { role: "ADMIN" });
  });

  beforeEach(async () => {
    count += 1;
    adminId = await gate.user(`admin${count}`, { role: "ADMIN" });
    userId = await gate.user(`user${count}`);
    admin = await signIn(adminId);
    recorded.length = 0;
  });

  /** Opens a session as a login does, but checks no password, because the check takes long. */
  async function signIn(id: string, scheme: AuthScheme = "JWT"): Promise<Tokens> {
    const opening = { scheme, credentialsVersion: 0 };
    const { principal, ...issued } = await gate.core.authentication.issue(id, opening);
    const type = scheme === "TOKEN" ? "Token" : "Bearer";
    const authorization = `${type} ${issued.token ?? issued.access}`;
    return { ...issued, scheme, session: principal.session, authorization } as Tokens;
  }

  const ask = (
    { authorization }: Pick<Tokens, "authorization"> = admin,
    { id = userId, reason = "ticket 4711", url = gate.url } = {},
  ) => gate.ask(IMPERSONATE, { authorization, url, variables: { userId: id, reason } });

  async function impersonate(tokens: Pick<Tokens, "authorization"> = admin, url = gate.url) {
    const { data, text } = await ask(tokens, { url });
    if (!data) throw new Error(text);
    const payload = data.impersonate as Payload;
    return { ...payload, authorization: `Bearer ${payload.access}` };
  }

  const expectAlive = async (tokens: Tokens) => {
    expect((await gate.me(tokens.authorization)).data?.me.id).toBe(userId);
  };

  /** Expects that no token of the session works, and that the list of the user's sessions lacks it. */
  const expectEnded = async ({ authorization, access, refresh, session }: Tokens) => {
    expect(await gate.me(authorization)).toMatchObject(REVOKED);
    expect(await gate.refresh(refresh)).toMatchObject(REVOKED);
    for (const token of [access, refresh]) {
      expect((await gate.verify(token)).data.verifyToken.active).toBe(false);
    }
    const listed = await gate.auth.sessions.list(userId);
    expect(listed.map(({ id }) => id)).not.toContain(session.id);
  };

  describe("impersonate", () => {
    test("opens a session of the user, and `me` and `sessions` say who acts", async () => {
      const own = await signIn(userId);
      gate.advance(1);
      const { authorization, session, user, ...rest } = await impersonate();
      const end = new Date(gate.now + 30 * MINUTE * 1000).toISOString();
      expect(rest).toMatchObject({ scheme: "JWT", tokenType: "Bearer", token: null });
      expect([rest.expiresAt, rest.refreshExpiresAt].map(Date.parse)).toEqual([
        Math.floor(Date.parse(end) / 1000) * 1000,
        Date.parse(end),
      ]);
      expect(user).toEqual({ id: userId, username: `user${count}` });
      expect(session).toEqual({
        ...{ id: session.id, scheme: "JWT", isCurrent: false, isImpersonated: true },
        ...{ isNamedToken: false, expiresAt: end },
      });
      expect((await gate.ask(ME, { authorization })).data.me).toEqual({
        ...{ id: userId, username: `user${count}`, lastLoginAt: null },
        impersonatedBy: { id: adminId, username: `admin${count}`, impersonatedBy: null },
      });
      const { data } = await gate.ask(SESSIONS, own);
      expect(data.sessions).toEqual([
        { id: session.id, isImpersonated: true, isCurrent: false },
        { id: own.session.id, isImpersonated: false, isCurrent: true },
      ]);
      for (const tokens of [own, admin]) {
        expect((await gate.ask(ME, tokens)).data.me.impersonatedBy).toBeNull();
      }
      // The impersonation does not count as a login, so the time of the last login stays.
      expect((await gate.ask(ME, own)).data.me.lastLoginAt).toBeNull();
    });

    test("LG-12: stores the reason, and names the administrator in every event of the session", async () => {
      const start = await rowsDuring(gate, () => impersonate());
      const session = await gate.auth.sessions.list(userId);
      const sessionId = session[0]!.id;
      const byAdmin = { actor_id: adminId, actor_session_id: admin.session.id };
      expect(start).toMatchObject([
        { type: "token_issued", ...byAdmin, subject_id: userId, session_id: sessionId },
        {
          ...{ type: "impersonation:started", ...byAdmin, impersonator_id: null },
          ...{ subject_id: userId, details: JSON.stringify({ sessionId, reason: "ticket 4711" }) },
        },
      ]);
      const { authorization, refresh } = await impersonate();
      const own = await rowsDuring(gate, async () => {
        await gate.refresh(refresh);
        await gate.ask("{ allSessions { edges { cursor } } }", { authorization });
        await gate.ask("mutation { logoutOthers { sessionsEnded } }", { authorization });
        await gate.logout({ authorization });
      });
      expect(own.map(({ type }) => type)).toEqual([
        ...["token_refreshed", "role_denied", "session_ended", "session_ended"],
      ]);
      for (const row of own) {
        expect(row).toMatchObject({ actor_id: userId, impersonator_id: adminId });
      }
      const events = `{ auditEvents(first: 100) { edges { node { type impersonator { id } } } } }`;
      const { data } = await gate.ask(events, admin);
      const types = data.auditEvents.edges
        .filter(({ node }: any) => node.impersonator?.id === adminId)
        .map(({ node }: any) => node.type);
      expect(types).toEqual(["session_ended", "session_ended", "role_denied", "token_refreshed"]);
    });

    test("LG-12: an event without an Authorization header also names the administrator", async () => {
      const [byRefresh, reused, late] = [
        await impersonate(),
        await impersonate(),
        await impersonate(),
      ];
      const { data } = await gate.refresh(reused.refresh);
      await gate.refresh(data.refreshToken.refresh);
      const rows = await rowsDuring(gate, async () => {
        await gate.logout({ refresh: byRefresh.refresh });
        await gate.refresh(reused.refresh);
        gate.advance(HOUR);
        await gate.refresh(late.refresh);
        await gate.verify(late.access);
        await gate.me(late.authorization);
        await gate.logout(late);
      });
      expect(rows.map(({ type, session_id: id }) => [type, id])).toEqual([
        ["session_ended", byRefresh.session.id],
        ["token_reused", reused.session.id],
        ...Array<[string, string]>(4).fill(["token_expired", late.session.id]),
      ]);
      for (const { session_id: id, ...row } of rows) {
        expect(row).toMatchObject({
          ...{ actor_id: userId, actor_session_id: id, subject_id: userId },
          impersonator_id: adminId,
        });
      }
    });

    test("the user does not see the administrator's address and client, but administrators do", async () => {
      const own = await signIn(userId);
      const { session } = await impersonate();
      const fields = "id ipAddress userAgent";
      const { data } = await gate.ask(`{ sessions { ${fields} } }`, own);
      expect(data.sessions).toContainEqual({ id: session.id, ipAddress: null, userAgent: null });
      const where = `where: { userId: { in: ["${userId}"] } }`;
      const all = await gate.ask(
        `{ allSessions(${where}) { edges { node { ${fields} } } } }`,
        admin,
      );
      expect(all.data.allSessions.edges).toContainEqual({
        node: { id: session.id, ipAddress: "127.0.0.1", userAgent: "node" },
      });
    });

    test("adds no query to the requests of administrators and impersonated sessions", async () => {
      const tokens = await impersonate();
      for (const { authorization } of [admin, tokens]) {
        expect(await gate.countStatements(() => gate.me(authorization))).toBe(1);
      }
    });

    test("lasts exactly 30 minutes, and no refresh extends it", async () => {
      const first = await impersonate();
      const { data: early } = await gate.refresh(first.refresh);
      gate.advance(30 * MINUTE - 1);
      const { data } = await gate.refresh(early.refreshToken.refresh);
      const { access, refresh, refreshExpiresAt } = data.refreshToken;
      expect(Date.parse(refreshExpiresAt)).toBe(gate.now + 1000);
      expect((await gate.me(`Bearer ${access}`)).status).toBe(200);
      gate.advance(0.999);
      expect((await gate.me(`Bearer ${access}`)).status).toBe(200);
      gate.advance(0.001);
      expect((await gate.me(`Bearer ${access}`)).reason).toBe("session_expired");
      expect((await gate.refresh(refresh)).status).toBe(401);
    });

    test("lasts no longer than the administrator's own session", async () => {
      const brief = await gate.another({
        accessTokenLifetime: 5 * MINUTE,
        refreshTokenLifetime: 10 * MINUTE,
        sessionLifetime: 10 * MINUTE,
      });
      const opening = { scheme: "SLIDING", credentialsVersion: 0 } as const;
      const { token } = await brief.core.authentication.issue(adminId, opening);
      const { session } = await impersonate({ authorization: `Bearer ${token}` });
      expect(Date.parse(session.expiresAt)).toBe(gate.now + 10 * MINUTE * 1000);
      await brief.close();
    });

    test("a refreshed session is still marked, and so are its tokens of the token classes", async () => {
      const first = await impersonate();
      const { data } = await gate.refresh(first.refresh);
      const { access, refresh } = data.refreshToken;
      const me = await gate.ask(ME, { authorization: `Bearer ${access}` });
      expect(me.data.me.impersonatedBy.id).toBe(adminId);
      const { AccessToken, RefreshToken } = gate.auth.tokens;
      const act = { sub: adminId };
      expect(new AccessToken(access).get("act")).toEqual(act);
      expect(new RefreshToken(refresh).accessToken.get("act")).toEqual(act);
      expect(new AccessToken(admin.access).has("act")).toBe(false);
    });

    test("two at the same time open two sessions, and two refreshes of one token give one successor", async () => {
      const [first, second] = await Promise.all([impersonate(), impersonate()]);
      expect(first.session.id).not.toBe(second.session.id);
      const both = await Promise.all([gate.refresh(first.refresh), gate.refresh(first.refresh)]);
      const [one, other] = both.map(({ data }) => data.refreshToken.refresh as string);
      expect(one).toBe(other);
      await expectAlive(first);
      await expectAlive(second);
    });
  });

  describe("is refused", () => {
    test.each([
      ["oneself", () => adminId],
      ["another administrator", () => gate.user(`other${count}`, { role: "ADMIN" })],
      ["an unknown user", () => "f".repeat(32)],
      ["a malformed id", () => "'; --"],
      [
        "an inactive user",
        async () => {
          await gate.auth.accounts.setActive(userId, false);
          return userId;
        },
      ],
    ])("for %s, and opens no session", async (_name, target) => {
      const id = await target();
      expect(await ask(admin, { id })).toMatchObject(BAD);
      expect(recorded.filter(([{ type }]) => type === "impersonation:started")).toEqual([]);
      expect(await gate.sql(`SELECT id FROM session WHERE impersonator_id = ?`, [adminId])).toEqual(
        [],
      );
    });

    test.each(["", " ", "\u200b", "a\nb", "\0", "x".repeat(501)])(
      "without a proper reason (%#)",
      async (reason) => {
        expect(await ask(admin, { reason })).toMatchObject(BAD);
      },
    );

    test("by everyone but an administrator with a password given in the last 12 hours", async () => {
      const user = await signIn(userId);
      expect(await ask(user)).toMatchObject({ status: 403, reason: "role_required" });
      expect(await ask({ authorization: "" })).toMatchObject({ reason: "no_credentials" });
      const stale = { status: 403, reason: "reauthentication_required" };
      expect(await ask(await gate.issue(adminId))).toMatchObject(stale);
      const sliding = await signIn(adminId, "SLIDING");
      gate.advance(12 * HOUR);
      expect((await ask(sliding)).status).toBe(200);
      gate.advance(0.001);
      expect(await ask(sliding)).toMatchObject(stale);
    });

    test("by a static token, even by one from a login", async () => {
      const refused = await ask(await signIn(adminId, "TOKEN"));
      expect(refused).toMatchObject(BAD);
      expect(refused.errors?.[0]?.message).toBe("A static token cannot do this. Log in instead.");
    });

    test("within the impersonated session, which has only the user's rights", async () => {
      const tokens = await impersonate();
      expect(await ask(tokens, { id: await gate.user(`third${count}`) })).toMatchObject({
        ...{ status: 403, reason: "role_required" },
      });
    });
  });

  describe("the session cannot change credentials", () => {
    test("AZ-8: it is refused by every field that needs a recent password, and by reauthenticate", async () => {
      const tokens = await impersonate();
      const create = `mutation { createToken(label: "mine") { token } }`;
      const stale = { status: 403, reason: "reauthentication_required", data: null };
      expect(await gate.ask(create, tokens)).toMatchObject(stale);
      recorded.length = 0;
      for (const password of [PASSWORD, "a wrong and unused phrase"]) {
        const query = `mutation { reauthenticate(password: "${password}") { message } }`;
        const refused = await gate.ask(query, tokens);
        expect(refused).toMatchObject(BAD);
        expect(refused.errors?.[0]?.message).toBe(
          "An administrator who acts as a user cannot do this.",
        );
      }
      // No password was checked.
      expect(recorded).toEqual([]);
      expect(await gate.core.sessions.recordAuthentication(tokens.session, 0)).toBeNull();
      expect(await gate.ask(create, tokens)).toMatchObject(stale);
    });
  });

  describe("the session ends at the next request", () => {
    test.each<[string, () => Promise<unknown>]>([
      ["the administrator logs out", () => gate.logout(admin)],
      [
        "the administrator calls logoutAll",
        async () => gate.ask("mutation { logoutAll { message } }", await signIn(adminId)),
      ],
      ["the administrator is demoted", () => gate.auth.accounts.setRole(adminId, "USER")],
      [
        "the administrator is demoted with SQL",
        () => gate.sql(`UPDATE profile SET role = 'USER' WHERE user_id = ?`, [adminId]),
      ],
      ["the administrator is deactivated", () => gate.auth.accounts.setActive(adminId, false)],
      [
        "the administrator is deactivated with SQL",
        () => gate.sql(`UPDATE "user" SET is_active = FALSE WHERE id = ?`, [adminId]),
      ],
      ["the administrator is deleted", () => gate.auth.accounts.deleteUser(adminId)],
      [
        "the administrator's password changes",
        () => gate.auth.accounts.setPassword(adminId, "another long and unused phrase"),
      ],
      [
        "the administrator's sessions are refused with SQL",
        () =>
          gate.sql(`UPDATE "user" SET credentials_version = credentials_version + 1 WHERE id = ?`, [
            adminId,
          ]),
      ],
      ["the user becomes an administrator", () => gate.auth.accounts.setRole(userId, "ADMIN")],
    ])("when %s", async (_name, change) => {
      const [tokens, own] = [await impersonate(), await signIn(userId)];
      await expectAlive(tokens);
      await change();
      await expectEnded(tokens);
      await expectAlive(own);
    });

    test("when the administrator or the user ends it, or the user logs out elsewhere", async () => {
      const own = await signIn(userId);
      const byAdmin = await impersonate();
      expect((await gate.logout(byAdmin)).data.logout.sessionsEnded).toBe(1);
      await expectEnded(byAdmin);
      const inList = await impersonate();
      await gate.ask(
        `mutation { revokeSession(id: "${inList.session.id}") { sessionsEnded } }`,
        own,
      );
      await expectEnded(inList);
      const elsewhere = await impersonate();
      await gate.ask(`mutation { logoutOthers { sessionsEnded } }`, own);
      await expectEnded(elsewhere);
      await expectAlive(own);
      expect((await gate.me(admin.authorization)).data.me.id).toBe(adminId);
    });

    test("but not when the administrator refreshes, or changes the password and keeps the session", async () => {
      const tokens = await impersonate();
      expect((await gate.refresh(admin.refresh)).status).toBe(200);
      await expectAlive(tokens);
      await gate.auth.accounts.setPassword(adminId, "another long and unused phrase", {
        keepSession: admin.session.id,
      });
      await expectAlive(tokens);
    });
  });

  describe("with bearerCheck stateless", () => {
    test("the access token names the administrator in act, and so do events", async () => {
      const stateless = await gate.another({ bearerCheck: "stateless" });
      const { authorization } = await impersonate(admin, stateless.url);
      const context = await stateless.auth.createContext({ headers: { authorization } });
      expect(context.user).toMatchObject({ id: userId, session: { impersonatorId: adminId } });
      expect(context.client.actor).toEqual({
        ...{ userId, sessionId: context.user?.session.id, impersonatorId: adminId },
      });
      const call = { authorization, url: stateless.url };
      expect((await gate.ask(ME, call)).data.me.impersonatedBy.id).toBe(adminId);
      await gate.auth.accounts.setRole(adminId, "USER");
      expect(await gate.ask(ME, call)).toMatchObject(REVOKED);
      await stateless.close();
    });
  });

  describe("with the refresh cookie", () => {
    test("the cookie keeps the administrator's own session", async () => {
      const page = await gate.another({ refreshCookie: true });
      const answer = await ask(admin, { url: page.url });
      const { refresh } = answer.data.impersonate;
      expect(answer.headers.get("set-cookie")).toBeNull();
      const renewed = await gate.refresh(refresh, { url: page.url });
      expect(renewed.headers.get("set-cookie")).toBeNull();
      expect(renewed.data.refreshToken.refresh).toMatch(/^eyJ/);
      const own = await gate.refresh(admin.refresh, { url: page.url });
      expect(own.headers.get("set-cookie")).toContain("refresh=");
      await page.close();
    });
  });

  describe("switched off, which is the default", () => {
    test("there is no mutation and no mark, and an older session still names the administrator", async () => {
      const off = await gate.another({ impersonation: undefined });
      const { authorization, session } = await impersonate();
      for (const query of [IMPERSONATE, SESSIONS, ME]) {
        const call = { url: off.url, authorization, variables: { userId, reason: "x" } };
        expect((await gate.ask(query, call)).code).toBe("GRAPHQL_VALIDATION_FAILED");
      }
      const context = await off.auth.createContext({ headers: { authorization } });
      expect(context.client.actor).toEqual({
        ...{ userId, sessionId: session.id, impersonatorId: adminId },
      });
      await off.close();
    });
  });
});
