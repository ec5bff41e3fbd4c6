import { beforeEach, describe, expect, test } from "@jest/globals";
import { graphql } from "graphql";
import type { AuthScheme } from "../../../src/events.js";
import { describeGates, PASSWORD, type Tokens } from "../../support/gate.js";

const DAY = 86_400;
const FRESH = 15 * 60;
const CREATE = `mutation ($label: String!, $days: Int) {
  createToken(label: $label, expiresInDays: $days) {
    token tokenType expiresAt
    session { id scheme label isNamedToken isCurrent createdAt expiresAt }
  }
}`;
const SESSIONS = `{ sessions { id label isNamedToken } }`;
const BAD = { status: 400, code: "BAD_USER_INPUT", data: null };
const STALE = { status: 403, code: "FORBIDDEN", reason: "reauthentication_required", data: null };

describeGates({ accessTokenLifetime: 3600 }, (gate) => {
  let count = 0;
  let id: string;

  beforeEach(async () => {
    id = await gate.user(`user${(count += 1)}`);
  });

  /** Opens a session as a login does, but checks no password, because the check takes long. */
  async function signIn(scheme: AuthScheme = "JWT", userId = id): Promise<Tokens> {
    const opening = { scheme, credentialsVersion: 0 };
    const { principal, ...issued } = await gate.core.authentication.issue(userId, opening);
    const type = scheme === "TOKEN" ? "Token" : "Bearer";
    const authorization = `${type} ${issued.token ?? issued.access}`;
    return { ...issued, scheme, session: principal.session, authorization } as Tokens;
  }

  const create = (
    { authorization }: Pick<Tokens, "authorization">,
    label = "CI",
    days?: unknown,
    url = gate.url,
  ) => gate.ask(CREATE, { authorization, url, variables: { label, days } });

  const created = async (tokens: Tokens, label?: string, days?: number) =>
    (await create(tokens, label, days)).data.createToken;

  const statusOf = async (authorization: string) => (await gate.me(authorization)).status;

  const countSessions = async () =>
    (await gate.sql(`SELECT id FROM session WHERE user_id = ?`, [id])).length;

  describe("createToken", () => {
    test.each(["JWT", "SLIDING"] as const)(
      "gives a fresh session by %s a named token, shown once",
      async (scheme) => {
        const tokens = await signIn(scheme);
        gate.advance(FRESH);
        gate.events.length = 0;
        const expiresAt = new Date(gate.now + 90 * DAY * 1000).toISOString();
        const { token, session, ...rest } = await created(tokens, "CI of the shop");
        expect(rest).toEqual({ tokenType: "Token", expiresAt });
        expect(session).toEqual({
          ...{ id: session.id, scheme: "TOKEN", label: "CI of the shop", isNamedToken: true },
          ...{ isCurrent: false, createdAt: new Date(gate.now).toISOString(), expiresAt },
        });
        expect((await gate.me(`Token ${token}`)).data.me.id).toBe(id);
        expect(gate.events).toEqual([
          { type: "token_issued", userId: id, sessionId: session.id, scheme: "TOKEN" },
          {
            type: "personal-tokens:created",
            userId: id,
            details: { sessionId: session.id, expiresAt: Date.parse(expiresAt) },
          },
        ]);
        const listed = await gate.ask(SESSIONS, tokens);
        expect(listed.data.sessions).toEqual([
          { id: session.id, label: "CI of the shop", isNamedToken: true },
          { id: tokens.session.id, label: null, isNamedToken: false },
        ]);
        expect(JSON.stringify([listed.text, gate.events])).not.toContain(token.slice(-20));
      },
    );

    test.each([1, 30, 90])(
      "T-25: with expiresInDays the token expires after exactly so many days: %i",
      async (days) => {
        const { token, expiresAt } = await created(await signIn(), "CI", days);
        expect(Date.parse(expiresAt)).toBe(gate.now + days * DAY * 1000);
        gate.advance(days * DAY - 0.001);
        expect(await statusOf(`Token ${token}`)).toBe(200);
        gate.advance(0.001);
        expect((await gate.me(`Token ${token}`)).reason).toBe("token_expired");
      },
    );

    test("refuses a lifetime beyond the setting and a malformed label, and stores nothing", async () => {
      const tokens = await signIn();
      for (const days of [0, -1, 91, 3650, 2 ** 31 - 1]) {
        const refused = await create(tokens, "CI", days);
        expect(refused).toMatchObject(BAD);
        expect(refused.errors?.[0]?.message).toBe("expiresInDays must be from 1 to 90.");
      }
      for (const label of ["", "x".repeat(101), "a\nb", "\0"]) {
        expect(await create(tokens, label, 1)).toMatchObject(BAD);
      }
      for (const days of [1.5, "1", 2 ** 31]) {
        expect((await create(tokens, "CI", days)).status).toBe(400);
      }
      expect(await countSessions()).toBe(1);
    });

    test("where static tokens never expire, a token may have 3650 days, or no expiry", async () => {
      const never = await gate.another({ staticTokenLifetime: null });
      const tokens = await signIn();
      const ask = async (days?: number) => (await create(tokens, "CI", days, never.url)).data;
      expect((await ask()).createToken.expiresAt).toBeNull();
      const { token, expiresAt } = (await ask(3650)).createToken;
      expect(Date.parse(expiresAt)).toBe(gate.now + 3650 * DAY * 1000);
      expect(await ask(3651)).toBeNull();
      expect(await statusOf(`Token ${token}`)).toBe(200);
      await never.close();
    });

    test("where static tokens live for less than a day, the time cannot be chosen", async () => {
      const short = await gate.another({ staticTokenLifetime: 3600 });
      const tokens = await signIn();
      const refused = await create(tokens, "CI", 1, short.url);
      expect(refused.errors?.[0]?.message).toMatch(/^Leave expiresInDays out/);
      const { data } = await create(tokens, "CI", undefined, short.url);
      expect(Date.parse(data.createToken.expiresAt)).toBe(gate.now + 3_600_000);
      await short.close();
    });

    test("needs a password given in the last 15 minutes", async () => {
      const stale = [await signIn(), await signIn("SLIDING"), await signIn("TOKEN")];
      gate.advance(FRESH + 0.001);
      for (const tokens of stale) expect(await create(tokens)).toMatchObject(STALE);
      expect(await create(await gate.issue(id))).toMatchObject(STALE);
      expect(await create({ authorization: "" })).toMatchObject({ reason: "no_credentials" });
    });

    test("ST-4: a static token cannot create a token, and is never fresh, even with the right password", async () => {
      const { token } = await created(await signIn());
      const script = { authorization: `Token ${token}` };
      expect(await create(script)).toMatchObject(STALE);
      const password = `mutation { reauthenticate(password: "${PASSWORD}") { message } }`;
      expect(await gate.ask(password, script)).toMatchObject(BAD);
      expect(await create(script)).toMatchObject(STALE);
      // A session that was opened by a login with TOKEN is fresh.
      const refused = await create(await signIn("TOKEN"));
      expect(refused).toMatchObject(BAD);
      expect(refused.errors?.[0]?.message).toBe("A static token cannot do this. Log in instead.");
      expect(await countSessions()).toBe(3);
    });

    test("two calls at the same time with one label create two tokens", async () => {
      const tokens = await signIn();
      const both = await Promise.all([created(tokens), created(tokens)]);
      expect(new Set(both.map(({ token }) => token)).size).toBe(2);
      for (const { token } of both) expect(await statusOf(`Token ${token}`)).toBe(200);
    });

    test.each([
      ["the session ended", ({ session }: Tokens) => gate.auth.sessions.end(session)],
      [
        "the password was changed",
        () => gate.auth.accounts.setPassword(id, "another long and unused phrase"),
      ],
      [
        "the user's sessions were refused with SQL",
        () =>
          gate.sql(`UPDATE "user" SET credentials_version = credentials_version + 1 WHERE id = ?`, [
            id,
          ]),
      ],
      ["the user was deactivated", () => gate.auth.accounts.setActive(id, false)],
    ])("creates no token if %s after the check of the request", async (_name, change) => {
      const tokens = await signIn();
      const { authorization } = tokens;
      const contextValue = await gate.auth.createContext({ headers: { authorization } });
      await change(tokens);
      const { data, errors } = await graphql({
        ...{ schema: gate.auth.schema, contextValue, source: CREATE },
        variableValues: { label: "CI" },
      });
      expect(data).toBeNull();
      expect(errors?.[0]?.extensions).toMatchObject({ reason: "token_revoked" });
      expect(await countSessions()).toBe(1);
    });
  });

  describe("logoutOthers", () => {
    const end = async (field: string, tokens: Tokens) =>
      (await gate.ask(`mutation { ${field} { sessionsEnded } }`, tokens)).data[field].sessionsEnded;

    test("B-26: leaves named tokens, however they were created, and ends all other sign-ins", async () => {
      const own = await signIn();
      const others = [await signIn(), await signIn("SLIDING"), await signIn("TOKEN")];
      const { authentication, tokens: classes } = gate.auth;
      const unnamed = await authentication.createStaticToken(id);
      const tokens = [
        (await created(own)).token,
        (await authentication.createStaticToken(id, "backup")).token,
        (await classes.StaticToken.create(id, "by class")).key,
      ];
      expect(await end("logoutOthers", own)).toBe(4);
      for (const { authorization } of others) expect(await statusOf(authorization)).toBe(401);
      expect(await statusOf(`Token ${unnamed.token}`)).toBe(401);
      for (const token of tokens) expect(await statusOf(`Token ${token}`)).toBe(200);
      expect(await statusOf(own.authorization)).toBe(200);
      const { data } = await gate.ask(SESSIONS, own);
      expect(data.sessions.map(({ isNamedToken }: any) => isNamedToken).sort()).toEqual([
        ...[false, true, true, true],
      ]);
    });

    test("logoutAll also ends named tokens, and revokeSession ends one", async () => {
      const own = await signIn();
      const [first, second] = [await created(own, "a"), await created(own, "b")];
      const revoke = `mutation { revokeSession(id: "${first.session.id}") { sessionsEnded } }`;
      expect((await gate.ask(revoke, own)).status).toBe(200);
      expect((await gate.me(`Token ${first.token}`)).reason).toBe("token_revoked");
      expect(await statusOf(`Token ${second.token}`)).toBe(200);
      expect(await end("logoutAll", own)).toBe(2);
      expect((await gate.me(`Token ${second.token}`)).reason).toBe("token_revoked");
    });

    test("a password change ends named tokens", async () => {
      const { token } = await created(await signIn());
      await gate.auth.accounts.setPassword(id, "another long and unused phrase");
      expect((await gate.me(`Token ${token}`)).reason).toBe("password_changed");
    });
  });

  describe("switched off", () => {
    test("there is no mutation, and existing tokens still work", async () => {
      const off = await gate.another({ personalTokens: false });
      const tokens = await signIn();
      const { token } = await created(tokens);
      expect((await create(tokens, "CI", 1, off.url)).code).toBe("GRAPHQL_VALIDATION_FAILED");
      const call = { authorization: `Token ${token}`, url: off.url };
      expect((await gate.ask("{ sessions { isNamedToken } }", call)).data.sessions).toHaveLength(2);
      await off.close();
    });
  });
});
