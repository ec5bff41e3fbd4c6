import { describe, expect, test } from "@jest/globals";
import { DEFAULT_ROLES, Roles } from "../../src/accounts/role.js";
import { type AuthScheme, NO_CLIENT } from "../../src/events.js";
import { requireLive } from "../../src/sessions/live.js";
import { isNamedToken } from "../../src/sessions/named-token.js";
import { requireOwnSession } from "../../src/sessions/own-session.js";
import { Principal } from "../../src/sessions/principal.js";
import { describeGates, type Tokens } from "../support/gate.js";

// These methods are tested directly, because only commands and features call them.
describeGates((gate) => {
  let names = 0;
  const newUser = (role: "USER" | "ADMIN" = "USER") => gate.user(`user${(names += 1)}`, { role });

  const principalOf = async ({ authorization }: Pick<Tokens, "authorization">) =>
    (await gate.auth.createContext({ headers: { authorization } })).loadUser();

  const authenticatedAt = async (id: string) => {
    const statement = `SELECT authenticated_at AS at FROM session WHERE id = ?`;
    return Number((await gate.sql(statement, [id]))[0].at);
  };

  const endsIn = (userId: string) =>
    gate.events.filter((event) => event.type === "session_ended" && event.userId === userId);

  /** Opens a session in which an administrator acts as a user. */
  async function impersonate() {
    const [adminId, userId] = [await newUser("ADMIN"), await newUser()];
    const own = await gate.issue(adminId);
    const impersonator = await principalOf(own);
    const issued = await gate.core.authentication.issue(userId, { scheme: "JWT", impersonator });
    const { access, refresh, principal } = issued;
    const { session } = principal;
    const authorization = `Bearer ${access!}`;
    return { adminId, userId, own, tokens: { refresh: refresh!, session, authorization } };
  }

  describe("a session that a change of its user did not end", () => {
    test.each([
      ["is_active = FALSE", "user_inactive"],
      ["credentials_version = credentials_version + 1", "password_changed"],
    ])("is still refused: %s", async (change, reason) => {
      const id = await newUser();
      const { authorization, refresh } = await gate.issue(id);
      await gate.sql(`UPDATE "user" SET ${change} WHERE id = ?`, [id]);
      for (const answer of [await gate.me(authorization), await gate.refresh(refresh)]) {
        expect(answer).toMatchObject({ status: 401, reason });
      }
    });
  });

  test("after its expiry, a static token is token_expired, and any other session is session_expired", async () => {
    const id = await newUser();
    const roles = new Roles(DEFAULT_ROLES);
    const expiresAt = gate.now + 60_000;
    const reasons = { TOKEN: "token_expired", JWT: "session_expired", SLIDING: "session_expired" };
    for (const [scheme, reason] of Object.entries(reasons)) {
      const opening = { scheme: scheme as AuthScheme, expiresAt };
      const { row } = await gate.core.sessions.open(id, opening);
      const own = { generation: null, impersonatorId: null };
      const token = { id: row.id, userId: id, scheme: row.scheme, ...own };
      const isLiveAt = (at: number) => requireLive(row, token, at, roles);
      expect(isLiveAt(expiresAt - 1)).toBe(row);
      expect(() => isLiveAt(expiresAt)).toThrow(expect.objectContaining({ reason }));
    }
  });

  test("a session can be opened by another session of the same user only while that is open", async () => {
    const id = await newUser();
    const { session: openedBy } = await gate.issue(id);
    const open = () => gate.core.sessions.open(id, { scheme: "TOKEN", label: "script", openedBy });
    expect((await open()).row.label).toBe("script");
    await gate.auth.sessions.end(openedBy);
    await expect(open()).rejects.toMatchObject({ reason: "token_revoked" });
  });

  test("a change of the password ends all sessions except the one to keep", async () => {
    const id = await newUser();
    const [kept, ended] = [await gate.issue(id), await gate.issue(id)];
    const keepSession = kept.session.id;
    await gate.core.accounts.setPassword(id, "another correct horse", { keepSession });
    expect((await gate.me(kept.authorization)).status).toBe(200);
    expect((await gate.refresh(kept.refresh)).status).toBe(200);
    expect((await gate.me(ended.authorization)).reason).toBe("password_changed");
    expect(endsIn(id)).toEqual([
      expect.objectContaining({ sessionId: ended.session.id, reason: "password_changed" }),
    ]);
  });

  test("a session that a reused token ends is reported as token_reused only, by the caller", async () => {
    const id = await newUser();
    const { session } = await gate.issue(id);
    expect(await gate.core.sessions.end(session, id, "reused")).toBe(true);
    expect(endsIn(id)).toEqual([]);
  });

  test.each([
    [{ scheme: "BASIC" }, "scheme must be TOKEN, JWT or SLIDING."],
    ...[42, ["x"], "", "x".repeat(101), "a\nb"].map((label) => [
      { scheme: "TOKEN", label },
      "label must have from 1 to 100 characters, none of them a control character.",
    ]),
  ] as [never, string][])(
    "a session is not opened with malformed values: %j",
    async (opening, message) => {
      const opened = gate.core.sessions.open(await newUser(), opening);
      await expect(opened).rejects.toMatchObject({ code: "BAD_USER_INPUT", message });
    },
  );

  describe("a refresh", () => {
    const startOfSecond = () => {
      gate.advance(1 - (gate.now % 1000) / 1000);
    };

    test("RF-7: without a leeway, is refused from the second in which its token expires", async () => {
      const strict = await gate.another({
        ...{ leeway: 0, accessTokenLifetime: 60, refreshTokenLifetime: 100 },
      });
      const id = await newUser();
      startOfSecond();
      gate.advance(0.7);
      const { refresh } = await strict.issue(id);
      gate.advance(99.299);
      const next = (await strict.refresh(refresh)).data.refreshToken;
      expect(next.refresh).toEqual(expect.any(String));
      const other = await strict.issue(id);
      gate.advance(99.001);
      expect(await strict.refresh(other.refresh)).toMatchObject({ reason: "token_expired" });
    });

    test("S-02: of a sliding token is refused from its refresh_exp on, even if its session lasts longer", async () => {
      const id = await newUser();
      startOfSecond();
      const tokens = [];
      for (let turn = 0; turn < 2; turn += 1) {
        const token = await gate.auth.tokens.SlidingToken.forUser(id);
        tokens.push(String(token.set("refresh_exp", gate.now / 1000 + 10)));
      }
      gate.advance(9.999);
      expect((await gate.refresh(tokens[0]!)).status).toBe(200);
      gate.advance(0.001);
      expect(await gate.refresh(tokens[1]!)).toMatchObject({ reason: "token_expired" });
    });

    test("ST-6: accepts no access token, not even in code", async () => {
      const { access } = await gate.issue(await newUser());
      const verified = gate.core.kinds.verify(access, ["access"]);
      const rotated = gate.core.sessions.rotate(verified, NO_CLIENT);
      await expect(rotated).rejects.toMatchObject({ reason: "token_wrong_type" });
    });
  });

  test("64 sessions that are looked up at once cost one statement", async () => {
    const { session } = await gate.issue(await newUser());
    const ids = [session.id, ...Array.from({ length: 63 }, (_, index) => `unknown${index}`)];
    const statements = await gate.countStatements(async () => {
      const rows = await Promise.all(ids.map((id) => gate.core.sessions.find(id)));
      expect(rows.map((row) => row?.id)).toEqual([session.id, ...Array(63).fill(undefined)]);
    });
    expect(statements).toBe(1);
  });

  test("openFirst opens and reports a session, but never a second session of the same scheme and label", async () => {
    const id = await newUser();
    const open = () => gate.core.sessions.openFirst(id, { scheme: "TOKEN", label: "script" });
    expect(await open()).toMatchObject({ row: { label: "script" } });
    expect(await open()).toBeNull();
    const issued = gate.events.filter(
      (event) => event.type === "token_issued" && event.userId === id,
    );
    expect(issued).toHaveLength(1);
  });

  test("a page has a next page only if more sessions follow", async () => {
    const id = await newUser();
    for (let turn = 0; turn < 2; turn += 1) await gate.issue(id);
    const pageOf = (first: number) => gate.core.sessions.page({ userIds: [id] }, first, null);
    const pages = await Promise.all([1, 2, 3].map(pageOf));
    expect(pages.map(({ hasNextPage }) => hasNextPage)).toEqual([true, false, false]);
    expect(pages.map(({ principals }) => principals.length)).toEqual([1, 2, 2]);
  });

  describe("endOutdated", () => {
    const ending = { reason: "password_changed" } as const;

    test("counts the sessions that were still open, and returns their events", async () => {
      const userId = await newUser();
      const [past, later] = [gate.now, gate.now + 1];
      const rows = [
        { id: "static", expiresAt: null, refreshExpiresAt: null },
        { id: "open", expiresAt: later, refreshExpiresAt: later },
        { id: "expired", expiresAt: past, refreshExpiresAt: later },
        { id: "idle", expiresAt: later, refreshExpiresAt: past },
      ];
      const run = () => Promise.resolve(rows as never[]);
      const { count, events } = await gate.core.sessions.endOutdated(run, userId, ending);
      expect(count).toBe(2);
      expect(events.map((event) => "sessionId" in event && event.sessionId)).toEqual([
        "static",
        "open",
      ]);
    });

    test("costs one statement, even if one session is kept", async () => {
      let statements = 0;
      const run = () => {
        statements += 1;
        return Promise.resolve([]);
      };
      await gate.core.sessions.endOutdated(run, "user", ending);
      expect(statements).toBe(1);
      await gate.core.sessions.endOutdated(run, "user", { ...ending, keep: "session" });
      expect(statements).toBe(2);
    });
  });

  describe("endMatching", () => {
    test("ends the open sessions of one user, and reports each with the reason", async () => {
      const [id, other] = [await newUser(), await newUser()];
      const ids = [(await gate.issue(id)).session.id, (await gate.issue(id, "TOKEN")).session.id];
      const kept = await gate.issue(other);
      expect(await gate.core.sessions.endMatching({ userId: id }, "revoked")).toBe(2);
      expect(await gate.core.sessions.endMatching({ userId: id }, "revoked")).toBe(0);
      const ends = ids.map((sessionId) => ({
        ...{ type: "session_ended", userId: id, sessionId, reason: "revoked" },
      }));
      expect(endsIn(id)).toHaveLength(2);
      expect(endsIn(id)).toEqual(expect.arrayContaining(ends));
      expect((await gate.me(kept.authorization)).status).toBe(200);
    });

    test("ends the sessions that were opened before an instant", async () => {
      const id = await newUser();
      const old = await gate.issue(id);
      gate.advance(1);
      const recent = await gate.issue(id);
      await gate.core.sessions.endMatching({ createdBefore: gate.now }, "revoked");
      expect((await gate.me(old.authorization)).reason).toBe("token_revoked");
      expect((await gate.me(recent.authorization)).status).toBe(200);
    });

    test("ends the sessions of all users, more than a thousand of them", async () => {
      const id = await newUser();
      const { authorization } = await gate.issue(id);
      await gate.core.sessions.endMatching({}, "revoked");
      expect((await gate.me(authorization)).reason).toBe("token_revoked");
      const copies = Array.from(
        { length: 1001 },
        (_, at) => `('copy${at}', '${id}', 'JWT', 0, 1, 1)`,
      );
      await gate.sql(
        `INSERT INTO session (id, user_id, scheme, credentials_version, created_at, rotated_at) VALUES ${copies.join()}`,
      );
      expect(await gate.core.sessions.endMatching({}, "revoked")).toBe(1001);
    });
  });

  test("a session is fresh for a limited time after its password, and never without one", async () => {
    const id = await newUser();
    const fixed = await principalOf(await gate.issue(id));
    expect(fixed.isFresh(100 * 365 * 86_400)).toBe(false);
    const { session } = await gate.issue(id);
    await gate.core.sessions.recordAuthentication(session, 0);
    const row = await gate.core.sessions.find(session.id);
    const settings = { now: () => gate.now, roles: new Roles(DEFAULT_ROLES) };
    const proven = new Principal(row!, settings);
    gate.advance(60);
    expect([proven.isFresh(60), proven.isFresh(59)]).toEqual([true, false]);
  });

  test.each([
    ["TOKEN", "script", true],
    ["TOKEN", null, false],
    ["JWT", "phone", false],
    ["SLIDING", "phone", false],
  ] as const)(
    "a session by %s with the label %j is a named token: %s",
    (scheme, label, isNamed) => {
      expect(isNamedToken({ scheme, label })).toBe(isNamed);
    },
  );

  describe("recordAuthentication", () => {
    test("records the present time in the session of a login, and in no other", async () => {
      const id = await newUser();
      const [jwt, sliding, fixed, other] = [
        await gate.issue(id),
        await gate.issue(id, "SLIDING"),
        await gate.issue(id, "TOKEN"),
        await gate.issue(id),
      ];
      gate.advance(60);
      for (const { session } of [jwt, sliding]) {
        expect(await gate.core.sessions.recordAuthentication(session, 0)).toBe(gate.now);
        expect(await authenticatedAt(session.id)).toBe(gate.now);
      }
      expect(await gate.core.sessions.recordAuthentication(fixed.session, 0)).toBeNull();
      for (const { session } of [fixed, other]) expect(await authenticatedAt(session.id)).toBe(0);
    });

    test("records nothing if the session has ended, or the password has changed", async () => {
      const { session } = await gate.issue(await newUser());
      const { sessions } = gate.core;
      expect(await sessions.recordAuthentication(session, 1)).toBeNull();
      await gate.auth.sessions.end(session);
      expect(await sessions.recordAuthentication(session, 0)).toBeNull();
    });
  });

  describe("a session in which an administrator acts as a user", () => {
    test("belongs to the user, names the administrator, and is refused where the user's own session is needed", async () => {
      const { adminId, userId, own, tokens } = await impersonate();
      const user = await principalOf(tokens);
      expect([user.id, user.session.impersonatorId]).toEqual([userId, adminId]);
      expect(() => {
        requireOwnSession(user);
      }).toThrow("An administrator who acts as a user cannot do this.");
      expect(await gate.core.sessions.recordAuthentication(tokens.session, 0)).toBeNull();
      requireOwnSession(await principalOf(own));
      const fixed = await principalOf(await gate.issue(userId, "TOKEN"));
      expect(() => {
        requireOwnSession(fixed);
      }).toThrow("A static token cannot do this. Log in instead.");
    });

    test("also names the administrator in stateless mode", async () => {
      const stateless = await gate.another({ bearerCheck: "stateless" });
      const { adminId, userId, own, tokens } = await impersonate();
      const sessionOf = async ({ authorization }: Pick<Tokens, "authorization">) =>
        (await stateless.auth.createContext({ headers: { authorization } })).user;
      const named = (id: string, impersonatorId: string | null) => ({
        ...{ id, session: expect.objectContaining({ impersonatorId }) },
      });
      expect(await sessionOf(tokens)).toMatchObject(named(userId, adminId));
      expect(await sessionOf(own)).toMatchObject(named(adminId, null));
    });

    const ENDS: [what: string, end: (ids: { adminId: string; own: Tokens }) => Promise<unknown>][] =
      [
        ["session has ended", ({ own }) => gate.auth.sessions.end(own.session)],
        [
          "password was changed",
          ({ adminId }) => gate.auth.accounts.setPassword(adminId, "another correct horse"),
        ],
        ["account is inactive", ({ adminId }) => gate.auth.accounts.setActive(adminId, false)],
        ["role is lower", ({ adminId }) => gate.auth.accounts.setRole(adminId, "USER")],
      ];
    test.each(ENDS)("is refused once the administrator's %s", async (_what, end) => {
      // Another administrator is needed, because the last one must stay.
      await newUser("ADMIN");
      const { adminId, own, tokens } = await impersonate();
      expect((await gate.me(tokens.authorization)).status).toBe(200);
      await end({ adminId, own });
      const refused = { status: 401, reason: "token_revoked" };
      expect(await gate.me(tokens.authorization)).toMatchObject(refused);
      expect(await gate.refresh(tokens.refresh)).toMatchObject(refused);
    });
  });
});
