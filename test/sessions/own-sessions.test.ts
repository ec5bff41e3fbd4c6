import { describe, expect, test } from "@jest/globals";
import { describeGates, PASSWORD, type Tokens } from "../support/gate.js";

const SESSIONS = `{ sessions { id scheme label createdAt lastUsedAt expiresAt ipAddress userAgent isCurrent } }`;
const REVOKED = { status: 401, code: "UNAUTHENTICATED", reason: "token_revoked" };
const SCHEMES = ["JWT", "TOKEN", "SLIDING"] as const;
const DAY = 86_400;

describeGates((gate) => {
  let names = 0;

  /** Creates a user who is signed in by each scheme, one second apart. */
  async function signedIn(): Promise<{ id: string; username: string; all: Tokens[] }> {
    const username = `user${(names += 1)}`;
    const id = await gate.user(username);
    const all: Tokens[] = [];
    for (const scheme of SCHEMES) {
      all.push(await gate.login(username, scheme));
      gate.advance(1);
    }
    return { id, username, all };
  }

  const list = async ({ authorization }: Tokens) =>
    (await gate.ask(SESSIONS, { authorization })).data.sessions;
  const end = (field: string, { authorization }: Tokens) =>
    gate.ask(`mutation { ${field} { message sessionsEnded } }`, { authorization });
  const revoke = (id: string, authorization?: string) =>
    gate.ask(`mutation ($id: ID!) { revokeSession(id: $id) { message sessionsEnded } }`, {
      variables: { id },
      ...(authorization === undefined ? {} : { authorization }),
    });

  /** Expects the tokens of the ended sessions to be refused, and those of the others to be valid. */
  async function expectEnded(ended: Tokens[], alive: Tokens[]): Promise<void> {
    for (const { authorization, refresh, token, scheme } of ended) {
      expect(await gate.me(authorization)).toMatchObject(REVOKED);
      if (scheme !== "TOKEN") {
        expect(await gate.refresh(scheme === "JWT" ? refresh : token)).toMatchObject(REVOKED);
      }
    }
    for (const { authorization } of alive) {
      expect((await gate.me(authorization)).status).toBe(200);
    }
  }

  describe("sessions", () => {
    test("B-27, B-07, RF-16: lists each live session of the caller, newest first, with its client", async () => {
      const username = "lister";
      await gate.user(username);
      const login = `mutation { login(username: "lister", password: "${PASSWORD}", scheme: TOKEN) { token session { id } } }`;
      const at = gate.now;
      const first = (await gate.ask(login, { headers: { "user-agent": "Browser/1.0" } })).data;
      gate.advance(60);
      const second = await gate.login(username);
      const sessions = await list(second);
      expect(sessions.map(({ id }: any) => id)).toEqual([
        second.session.id,
        first.login.session.id,
      ]);
      expect(sessions[1]).toEqual({
        id: first.login.session.id,
        scheme: "TOKEN",
        label: null,
        createdAt: new Date(at).toISOString(),
        lastUsedAt: null,
        expiresAt: new Date(at + 90 * DAY * 1000).toISOString(),
        ipAddress: "127.0.0.1",
        userAgent: "Browser/1.0",
        isCurrent: false,
      });
      expect(sessions[0]).toMatchObject({
        scheme: "JWT",
        isCurrent: true,
        expiresAt: new Date(at + 60_000 + 30 * DAY * 1000).toISOString(),
      });
    });

    test.each(SCHEMES)(
      "B-27: marks the session of the request, by %s, and no other",
      async (scheme) => {
        const { all } = await signedIn();
        const own = all.find((tokens) => tokens.scheme === scheme)!;
        const current = (await list(own)).filter(({ isCurrent }: any) => isCurrent);
        expect(current.map(({ id }: any) => id)).toEqual([own.session.id]);
      },
    );

    test("B-27: does not list sessions that are over or belong to another user", async () => {
      const { all, id: userId } = await signedIn();
      const { all: others } = await signedIn();
      const [jwt, fixed, sliding] = all as [Tokens, Tokens, Tokens];
      await gate.logout({ authorization: sliding.authorization });
      const ids = (await list(fixed)).map(({ id }: any) => id);
      expect(ids).toEqual([fixed.session.id, jwt.session.id]);
      for (const { session } of others) expect(ids).not.toContain(session.id);
      gate.advance(7 * DAY);
      expect(await list(fixed)).toHaveLength(1);
      const { token } = await gate.auth.authentication.createStaticToken(userId, "backup");
      const { data } = await gate.ask(SESSIONS, { authorization: `Token ${token}` });
      expect(data.sessions.map(({ label }: any) => label)).toEqual(["backup", null]);
    });
  });

  describe("logoutAll and logoutOthers", () => {
    test.each(SCHEMES)(
      "B-26, T-22, T-23: logoutAll by %s ends all of the caller's sessions, the current one included, and no other user's",
      async (scheme) => {
        const { id, all } = await signedIn();
        const { all: others } = await signedIn();
        gate.events.length = 0;
        const { data } = await end(
          "logoutAll",
          all.find((tokens) => tokens.scheme === scheme)!,
        );
        expect(data.logoutAll.sessionsEnded).toBe(3);
        await expectEnded(all, others);
        const ended = gate.events.filter(({ type }) => type === "session_ended");
        expect(ended.map((event: any) => [event.userId, event.sessionId]).sort()).toEqual(
          all.map(({ session }) => [id, session.id]).sort(),
        );
      },
    );

    test.each(SCHEMES)(
      "B-26: logoutOthers by %s ends all of the caller's sessions except the current one",
      async (scheme) => {
        const { all } = await signedIn();
        const { all: others } = await signedIn();
        const own = all.find((tokens) => tokens.scheme === scheme)!;
        expect((await end("logoutOthers", own)).data.logoutOthers.sessionsEnded).toBe(2);
        await expectEnded(
          all.filter((tokens) => tokens !== own),
          [own, ...others],
        );
        expect((await end("logoutOthers", own)).data.logoutOthers.sessionsEnded).toBe(0);
      },
    );
  });

  describe("revokeSession", () => {
    test.each(SCHEMES)("RF-16: ends the caller's own session by %s at once", async (scheme) => {
      const { all } = await signedIn();
      const target = all.find((tokens) => tokens.scheme === scheme)!;
      const rest = all.filter((tokens) => tokens !== target);
      const { data } = await revoke(target.session.id, rest[0]!.authorization);
      expect(data.revokeSession.sessionsEnded).toBe(1);
      await expectEnded([target], rest);
    });

    test("RF-16: ends the current session", async () => {
      const { all } = await signedIn();
      const [own, ...rest] = all as [Tokens, ...Tokens[]];
      expect((await revoke(own.session.id, own.authorization)).status).toBe(200);
      await expectEnded([own], rest);
    });

    test("B-28: refuses another user's session and an unknown one with the same error, and ends nothing", async () => {
      const { all } = await signedIn();
      const { all: others } = await signedIn();
      const [{ authorization }, ended] = all as [Tokens, Tokens, Tokens];
      await gate.logout({ authorization: ended.authorization });
      const unknown = await revoke("0".repeat(32), authorization);
      expect(unknown).toMatchObject({ status: 400, code: "BAD_USER_INPUT", data: null });
      const same = [others[0]!.session.id, ended.session.id, "", "x", "'; --", "é".repeat(9000)];
      for (const id of same) {
        expect(await revoke(id, authorization)).toMatchObject({ status: 400, text: unknown.text });
      }
      await expectEnded([], others);
    });

    test("B-28: treats a NUL or a lone surrogate as an unknown id", async () => {
      const { all } = await signedIn();
      for (const id of ["\0", `${all[0]!.session.id}\0`, "\ud800"]) {
        const answer = await revoke(id, all[0]!.authorization);
        expect([answer.status, answer.code]).toEqual([400, "BAD_USER_INPUT"]);
      }
    });

    test.each(SCHEMES)("G-04: lets an ADMIN end any user's session by %s", async (scheme) => {
      const admin = `admin.${scheme.toLowerCase()}`;
      await gate.user(admin, { role: "ADMIN" });
      const { authorization } = await gate.login(admin);
      const { all } = await signedIn();
      const target = all.find((tokens) => tokens.scheme === scheme)!;
      expect(
        (await revoke(target.session.id, authorization)).data.revokeSession.sessionsEnded,
      ).toBe(1);
      await expectEnded(
        [target],
        all.filter((tokens) => tokens !== target),
      );
      expect((await revoke(target.session.id, authorization)).code).toBe("BAD_USER_INPUT");
    });

    test("AZ-8: by an ADMIN with a static token or an old password ends only the ADMIN's own sessions", async () => {
      await gate.user("stale", { role: "ADMIN" });
      const token = await gate.login("stale", "TOKEN");
      const old = await gate.login("stale");
      await gate.sql("UPDATE session SET authenticated_at = ? WHERE id = ?", [
        gate.now - 13 * 3_600_000,
        old.session.id,
      ]);
      const { all } = await signedIn();
      const target = all[0]!.session.id;
      const byToken = await revoke(target, token.authorization);
      expect([byToken.code, byToken.errors?.[0]?.message]).toEqual([
        "BAD_USER_INPUT",
        "A static token cannot do this. Log in instead.",
      ]);
      expect(await revoke(target, old.authorization)).toMatchObject({
        status: 403,
        reason: "reauthentication_required",
      });
      await expectEnded([], all);
      const { data } = await revoke(old.session.id, token.authorization);
      expect(data.revokeSession.sessionsEnded).toBe(1);
      await expectEnded([old], [token]);
    });

    test("G-07: gives an anonymous caller no_credentials, as the other fields do, and ends nothing", async () => {
      const { all } = await signedIn();
      const answers = [
        await revoke(all[0]!.session.id),
        await gate.ask(SESSIONS),
        await gate.ask("mutation { logoutAll { sessionsEnded } }"),
        await gate.ask("mutation { logoutOthers { sessionsEnded } }"),
      ];
      for (const answer of answers) {
        expect(answer).toMatchObject({ status: 401, reason: "no_credentials", data: null });
      }
      await expectEnded([], all);
    });
  });
});
