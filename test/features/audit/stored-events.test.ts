import { createHash } from "node:crypto";
import { join } from "node:path";
import { beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import type { AuthScheme } from "../../../src/events.js";
import { ROOT, setUpFolders } from "../../support/command.js";
import { eventually } from "../../support/eventually.js";
import { fresh } from "../../support/fresh.js";
import {
  describeFreshGates,
  describeGates,
  PASSWORD,
  setUpGate,
  type Tokens,
} from "../../support/gate.js";
import { runNode } from "../../support/node-process.js";
import { type Row, rowsDuring, rowsOf } from "./stored.js";

const AGENT = "audit-test/1.0";
const headers = { "user-agent": AGENT };
const ID = expect.stringMatching(/^[0-9a-f]{32}$/);
const WRONG_PASSWORD = "canary that is wrong for all";
const TYPED = "canary-typed-into-the-wrong-field";
const SECRET_KEY = "an example of a secret that is long enough";

const LOGIN = `mutation ($username: String!, $password: String!, $scheme: AuthScheme!) {
  login(username: $username, password: $password, scheme: $scheme) { access refresh token session { id } }
}`;
const ADMINS_FIELD = "{ allSessions(first: 1) { edges { cursor } } }";
const REVOKE = "mutation ($id: ID!) { revokeSession(id: $id) { sessionsEnded } }";

describe("the stored audit trail", () => {
  describeGates((gate) => {
    let count = 0;
    let name: string;
    let email: string;
    let id: string;
    let tokens: Tokens;
    let adminId: string;
    let admin: Tokens;

    beforeAll(async () => {
      adminId = await gate.user("root", { role: "ADMIN" });
    });

    beforeEach(async () => {
      gate.advance(60);
      name = `user${(count += 1)}`;
      email = `canary${count}@example.com`;
      id = await gate.user(name, { email });
      tokens = await gate.issue(id);
      admin = await fresh(gate, adminId);
    });

    const login = (username: string, password: string, scheme: AuthScheme = "JWT") =>
      gate.ask(LOGIN, { variables: { username, password, scheme }, headers });

    /** Returns an event of an anonymous request as it is stored. */
    const byNobody = (type: string, rest: Partial<Record<keyof Row, unknown>>) => ({
      id: ID,
      at: gate.now,
      type,
      actor_id: null,
      actor_session_id: null,
      impersonator_id: null,
      subject_id: id,
      session_id: null,
      ip_address: "127.0.0.1",
      user_agent: AGENT,
      request_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      details: null,
      ...rest,
    });
    const byUser = (type: string, rest: Partial<Record<keyof Row, unknown>>) =>
      byNobody(type, { actor_id: id, actor_session_id: tokens.session.id, ...rest });
    const json = (details: object) => JSON.stringify(details);

    test.each(["JWT", "SLIDING", "TOKEN"] as const)(
      "LG-12: has one event for a login by %s, with the user, the session, the address and the request",
      async (scheme) => {
        let sessionId = "";
        const rows = await rowsDuring(gate, async () => {
          sessionId = (await login(name, PASSWORD, scheme)).data.login.session.id;
        });
        const details = json({ scheme });
        expect(rows).toEqual([byNobody("token_issued", { session_id: sessionId, details })]);
      },
    );

    test("LG-12: has one event for a refresh, and one for a refresh token that is used again", async () => {
      const { refresh, session } = tokens;
      expect(await rowsDuring(gate, () => gate.refresh(refresh, { headers }))).toEqual([
        byNobody("token_refreshed", { session_id: session.id }),
      ]);
      gate.advance(60);
      expect(await rowsDuring(gate, () => gate.refresh(refresh, { headers }))).toEqual([
        byNobody("token_reused", { session_id: session.id }),
      ]);
    });

    test("LG-12: has one event for a logout, by the user who is signed in", async () => {
      const query = "mutation { logout { sessionsEnded } }";
      const { authorization } = tokens;
      expect(await rowsDuring(gate, () => gate.ask(query, { authorization, headers }))).toEqual([
        byUser("session_ended", {
          session_id: tokens.session.id,
          details: json({ reason: "logout" }),
        }),
      ]);
    });

    test("LG-12: names both the ended session and the session that ended it", async () => {
      const other = await gate.issue(id, "TOKEN");
      const query = "mutation { logoutOthers { sessionsEnded } }";
      const { authorization } = tokens;
      expect(await rowsDuring(gate, () => gate.ask(query, { authorization, headers }))).toEqual([
        byUser("session_ended", {
          session_id: other.session.id,
          details: json({ reason: "logout" }),
        }),
      ]);
    });

    test("LG-12, AZ-8: names the administrator who ends a session of another user", async () => {
      const variables = { id: tokens.session.id };
      const { authorization } = admin;
      const rows = await rowsDuring(gate, () =>
        gate.ask(REVOKE, { variables, authorization, headers }),
      );
      expect(rows).toEqual([
        byNobody("session_ended", {
          actor_id: adminId,
          actor_session_id: admin.session.id,
          session_id: tokens.session.id,
          details: json({ reason: "logout" }),
        }),
      ]);
    });

    test("LG-12: has one event for a failed login, with the user it names or else a keyed hash of the text", async () => {
      const known = await rowsDuring(gate, () => login(name.toUpperCase(), WRONG_PASSWORD));
      const reason = "invalid_credentials";
      expect(known).toEqual([byNobody("login_failed", { details: json({ reason }) })]);
      const [first, second, other] = await rowsDuring(gate, async () => {
        await login(TYPED, WRONG_PASSWORD);
        await login(TYPED, WRONG_PASSWORD);
        await login("nobody", WRONG_PASSWORD);
      });
      const hash = JSON.parse(first?.details ?? "").login;
      expect(hash).toMatch(/^[0-9a-f]{16}$/);
      const details = json({ login: hash, reason });
      expect([first, second]).toEqual(
        Array(2).fill(byNobody("login_failed", { subject_id: null, details })),
      );
      expect(JSON.parse(other?.details ?? "").login).not.toBe(hash);
      expect(hash).not.toBe(createHash("sha256").update(TYPED).digest("hex").slice(0, 16));
    });

    test("LG-12, AZ-8: has one event for a field that is refused because of the role", async () => {
      const { authorization } = tokens;
      const rows = await rowsDuring(gate, () => gate.ask(ADMINS_FIELD, { authorization, headers }));
      expect(rows).toEqual([
        byUser("role_denied", {
          session_id: tokens.session.id,
          details: json({ required: "ADMIN" }),
        }),
      ]);
    });

    test("LG-12: has one event for an expired token", async () => {
      gate.advance(86_400);
      const { authorization, session } = tokens;
      const query = "{ me { id } }";
      const rows = await rowsDuring(gate, () => gate.ask(query, { authorization, headers }));
      const details = json({ scheme: "JWT" });
      expect(rows).toEqual([byNobody("token_expired", { session_id: session.id, details })]);
    });

    test("J-15: has one event for a rotated key, which no request caused", async () => {
      let kid = "";
      const rows = await rowsDuring(gate, async () => ({ kid } = await gate.auth.keys.rotate()));
      const nobody = { subject_id: null, ip_address: null, user_agent: null, request_id: null };
      expect(rows).toEqual([byNobody("key_rotated", { ...nobody, details: json({ kid }) })]);
    });

    test("LG-12: has no event for queries and refused credentials", async () => {
      const rows = await rowsDuring(gate, async () => {
        await gate.me(tokens.authorization);
        await gate.me();
        await gate.me("Bearer x");
        await gate.refresh("x");
      });
      expect(rows).toEqual([]);
    });

    test("keeps the order of the events of one millisecond", async () => {
      const types = Array.from({ length: 300 }, (_, index) => `test:event${index}` as const);
      const client = { ipAddress: "192.0.2.1", userAgent: null };
      const rows = await rowsDuring(gate, () => {
        for (const type of types) gate.core.onEvent({ type, userId: id }, client);
      });
      expect(rows.map(({ type }) => type)).toEqual(types);
    });

    test("cuts long texts, so that no client decides how much space an event takes", async () => {
      const long = "x".repeat(10_000);
      const [row] = await rowsDuring(gate, () => {
        gate.core.onEvent(
          { type: `test:${long}`, userId: id, details: { long } },
          { ipAddress: null, userAgent: `\0${long}`, requestId: long },
        );
      });
      const { type, user_agent, request_id, details } = row ?? ({} as Row);
      expect([type.length, user_agent?.length, request_id?.length]).toEqual([255, 254, 255]);
      expect(details).toBe(json({ tooLong: json({ long }).length }));
    });

    test("LG-12: never has a password, a token, a hash, what was typed, or a mail address", async () => {
      const [{ hash }] = await gate.sql(`SELECT password_hash AS hash FROM "user" WHERE id = ?`, [
        id,
      ]);
      const secrets = [PASSWORD, WRONG_PASSWORD, TYPED, hash, email, `nobody${email}`, name];
      const rows = await rowsDuring(gate, async () => {
        for (const scheme of ["JWT", "SLIDING", "TOKEN"] as const) {
          const { access, refresh, token } = (await login(name, PASSWORD, scheme)).data.login;
          const texts: string[] = [access, refresh, token].filter(Boolean);
          secrets.push(...texts, ...texts.map((text) => text.split(".")[2] ?? text.slice(37, 80)));
          if (scheme !== "TOKEN") await gate.refresh(refresh ?? token);
        }
        await login(name, WRONG_PASSWORD);
        await login(TYPED, TYPED);
        for (const typed of [email, `nobody${email}`]) {
          const variables = { email: typed, password: WRONG_PASSWORD };
          const query = `mutation ($email: String!, $password: String!) {
            emailLogin(email: $email, password: $password) { access } }`;
          await gate.ask(query, { variables });
        }
        await gate.ask(ADMINS_FIELD, tokens);
      });
      expect(rows.length).toBeGreaterThanOrEqual(9);
      const text = JSON.stringify(await gate.sql("SELECT * FROM audit_event"));
      expect(secrets.filter((secret) => text.includes(secret))).toEqual([]);
      expect(text).not.toMatch(/eyJ|gth_|argon2|PRIVATE|@/);
    });
  });
});

describe("over one database", () => {
  describeFreshGates((gate) => {
    test("events survive a server that closes right after them, and a restart", async () => {
      const id = await gate.user("ada");
      const other = await gate.another();
      const { session } = await other.login("ada");
      await other.close();
      const rows = await gate.sql(
        "SELECT type, subject_id, session_id FROM audit_event WHERE session_id IS NOT NULL",
      );
      expect(rows).toEqual([{ type: "token_issued", subject_id: id, session_id: session.id }]);
      const again = await gate.another();
      const { authorization } = await gate.issue(id);
      const query = "{ auditEvents { edges { node { type } } } }";
      const { data } = await gate.ask(query, { authorization, url: again.url });
      expect(data.auditEvents.edges.length).toBeGreaterThanOrEqual(1);
    });

    test("events wait for a database that fails, and are stored once when it works again", async () => {
      const id = await gate.user("ada");
      await gate.sql("ALTER TABLE audit_event RENAME TO moved");
      await gate.issue(id);
      // This wait is longer than the first try, which fails, but shorter than the time until the first retry.
      await new Promise((resolve) => setTimeout(resolve, 600));
      await gate.sql("ALTER TABLE moved RENAME TO audit_event");
      // The retry starts without a further event.
      await eventually(async () => (await gate.sql("SELECT id FROM audit_event")).length > 1);
      const types = (await rowsOf(gate)).map(({ type }) => type);
      expect(types).toEqual(["user_created", "token_issued"]);
    });

    test("events older than the retention are pruned, in the order of time", async () => {
      const id = await gate.user("ada");
      await gate.issue(id);
      await rowsOf(gate);
      gate.advance(86_400 * 60);
      const { session } = await gate.issue(id, "TOKEN");
      await rowsOf(gate);
      gate.advance(86_400 * 30 - 1);
      await gate.auth.maintenance.prune();
      expect(await rowsOf(gate)).toHaveLength(3);
      gate.advance(2);
      await gate.auth.maintenance.prune();
      expect((await rowsOf(gate)).map(({ session_id }) => session_id)).toEqual([session.id]);
    });

    test("a deleted user leaves only ids in the events, but an administrator's IP address stays", async () => {
      const adminId = await gate.user("root", { role: "ADMIN" });
      const [ada, bob, admin] = await Promise.all([
        gate.user("ada"),
        gate.user("bob"),
        fresh(gate, adminId),
      ]);
      const [first] = [await gate.login("ada"), await gate.login("bob")];
      const session = await gate.issue(ada);
      await gate.ask(ADMINS_FIELD, session);
      await gate.login("ada", "JWT", WRONG_PASSWORD).catch(() => undefined);
      const variables = { id: first.session.id };
      await gate.ask(REVOKE, { variables, authorization: admin.authorization });
      await gate.auth.accounts.deleteUser(ada);
      const before = await rowsOf(gate);
      await gate.auth.maintenance.prune();
      const rows = await rowsOf(gate);
      expect(rows.map(({ id }) => id)).toEqual(before.map(({ id }) => id));
      const filled = (row: Row) => row.ip_address !== null || row.details !== null;
      const ofAda = rows.filter(({ subject_id, actor_id }) => [subject_id, actor_id].includes(ada));
      expect(ofAda.length).toBeGreaterThanOrEqual(6);
      expect(ofAda.filter(filled).map(({ actor_id }) => actor_id)).toEqual([adminId]);
      const ofBob = rows.filter(
        ({ subject_id, type }) => subject_id === bob && type !== "user_created",
      );
      expect([ofBob.length > 0, ofBob.every(filled)]).toEqual([true, true]);
    });
  });

  describeFreshGates({ trustedProxies: ["127.0.0.1"] }, (gate) => {
    const EXPIRED = "{ me { id } }";
    let tokens: Tokens;

    beforeEach(async () => {
      tokens = await gate.issue(await gate.user("ada"));
      gate.advance(86_400);
    });

    const from = (address: string) =>
      gate.ask(EXPIRED, {
        authorization: tokens.authorization,
        headers: { "x-forwarded-for": address },
      });
    const dropped = (rows: Row[]) =>
      rows
        .filter(({ type }) => type === "audit:events_dropped")
        .map(({ details }) => JSON.parse(details ?? "").count);

    test("a storm of refusals stores 10 a minute from one address, and one row that counts the rest", async () => {
      const rows = await rowsDuring(gate, async () => {
        for (let index = 0; index < 25; index += 1) await from("192.0.2.1");
        for (let index = 0; index < 12; index += 1) await from(`2001:db8::${index + 1}`);
        await from("192.0.2.2");
      });
      const of = (start: string) =>
        rows.filter(({ ip_address }) => ip_address?.startsWith(start)).length;
      expect([of("192.0.2.1"), of("2001:"), of("192.0.2.2")]).toEqual([10, 10, 1]);
      expect(dropped(rows)).toEqual([17]);
      gate.advance(60);
      const later = await rowsDuring(gate, () => from("192.0.2.1"));
      expect(later.map(({ type }) => type)).toEqual(["token_expired"]);
    });

    test("a storm of refusals from many addresses stores 100 a minute, and events of changes are still all stored", async () => {
      const id = await gate.user("bob");
      const rows = await rowsDuring(gate, async () => {
        for (let start = 0; start < 140; start += 20) {
          await Promise.all(
            Array.from({ length: 20 }, (_, index) => from(`198.51.100.${start + index}`)),
          );
        }
        await gate.issue(id);
      });
      const count = (type: string) => rows.filter((row) => row.type === type).length;
      expect([count("token_expired"), count("token_issued")]).toEqual([100, 1]);
      expect(dropped(rows)).toEqual([40]);
    });
  });
});

describe("switched off", () => {
  const gate = setUpGate({ auditRetention: false });

  test("the feature adds no field and no table, and stores nothing", async () => {
    await gate.user("ada");
    const { authorization } = await gate.login("ada");
    const { errors } = await gate.ask("{ auditEvents { edges { cursor } } }", { authorization });
    expect(errors?.[0]?.message).toContain("auditEvents");
    expect(gate.auth.typeDefs).not.toContain("AuditEvent");
    expect(await gate.sql("SELECT name FROM sqlite_master WHERE name LIKE '%audit%'")).toEqual([]);
    expect(gate.events.map(({ type }) => type)).toEqual(["token_issued"]);
  });
});

describe("a process", () => {
  const folders = setUpFolders({ SECRET_KEY });

  test("that closes while the database fails warns how many events are lost", async () => {
    const { path } = await folders.shared();
    const script = `import { createAuth } from ${JSON.stringify(join(ROOT, "dist/index.js"))};
      import sqlite3 from "sqlite3";
      const auth = await createAuth({
        databaseUrl: "sqlite:${path}/lost.sqlite",
        secretKey: ${JSON.stringify(SECRET_KEY)},
      });
      const id = await auth.accounts.createUser({ username: "ada" });
      const raw = new sqlite3.Database("${path}/lost.sqlite");
      await new Promise((resolve) => raw.exec("DROP TABLE audit_event", resolve));
      await auth.authentication.createStaticToken(id, "ci");
      await auth.authentication.createStaticToken(id, "cd");
      await auth.close();
      raw.close();`;
    const ended = await runNode(["--input-type=module", "-e", script], { cwd: ROOT });
    expect(ended.code).toBe(0);
    expect(ended.stderr).toContain("2 events of the audit trail could not be stored, and are lost");
  });

  test("takes the retention as a duration, or off", async () => {
    const folder = await folders.shared();
    const wrong = await folder.run(["migrate"], { env: { AUDIT_RETENTION: "never" } });
    expect(wrong.stderr).toMatch(/AUDIT_RETENTION: must be from 1h to 100y, or off/);
  });
});
