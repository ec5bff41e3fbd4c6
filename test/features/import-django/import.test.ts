import { createHash } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import {
  keySessionIdOf,
  jwtSessionIdOf,
  userIdOf,
} from "../../../src/features/import-django/identity.js";
import { describeFreshGates, type Gate, setUpFreshGate } from "../../support/gate.js";
import { importFrom, runOver } from "./command.js";
import { DjangoDatabase, SOURCES } from "./django-database.js";

const PBKDF2 = "pbkdf2_sha256$260000$c2FsdHNhbHQ$ascIFFtvigNEJWHloUpkETigqNl0DJrrBBjcHrWNXxo=";

let django: DjangoDatabase;

/** Creates a Django database before each test of the block, and drops it afterwards. */
function setUpDjango(kind: (typeof SOURCES)[number] = "sqlite"): void {
  beforeEach(async () => {
    django = await DjangoDatabase.create(kind);
  });
  afterEach(() => django.drop());
}

const usersOf = (gate: Gate) =>
  gate.sql(
    `SELECT id, username, email, password_hash AS hash, is_active AS active, created_at AS created,
       last_login_at AS login, role, credentials_version AS version
     FROM "user" LEFT JOIN profile ON user_id = id ORDER BY username_key`,
  );
const sessionsOf = (gate: Gate) =>
  gate.sql(
    `SELECT id, user_id AS "user", scheme, secret_hash AS secret, expires_at AS expires,
       refresh_expires_at AS refresh, ended_at AS ended, end_reason AS reason, created_at AS created
     FROM session ORDER BY created_at, id`,
  );

describe.each(SOURCES)("from %s", (kind) => {
  const gate = setUpFreshGate({ django: true });
  setUpDjango(kind);

  test("everything of a user is imported: the name, the address, the password, the dates, the rights and the tokens", async () => {
    await django.user({
      ...{ id: 7, username: "ada", email: "Ada@Example.com", password: PBKDF2 },
      ...{ last_login: "2022-03-04 05:06:07.5", is_superuser: true },
    });
    await django.user({ id: 8, username: "bob", is_active: false, is_staff: true });
    await django.user({ id: 9, username: "cleo" });
    const header = await django.key(7);
    await django.token(1, 7);
    await django.token(2, 7, { isBlacklisted: true });
    await django.token(3, 9, { claims: { token_type: "sliding", refresh_exp: 4_000_000_000 } });
    await django.token(4, null, { isBlacklisted: true, claims: { user_id: 7 } });
    const { remarks, summary } = await importFrom(gate, django.url);
    expect(remarks).toEqual([]);
    expect(summary).toMatchObject({ usersCreated: 3, keysCreated: 1, tokensCreated: 4 });
    const [ada, bob] = await usersOf(gate);
    expect(ada).toMatchObject({
      ...{
        id: userIdOf("7"),
        username: "ada",
        email: "Ada@Example.com",
        hash: PBKDF2,
        role: "ADMIN",
      },
    });
    expect([Number(ada.created), Number(ada.login)]).toEqual([
      Date.UTC(2020, 1, 3, 4, 5, 6, 789),
      Date.UTC(2022, 2, 4, 5, 6, 7, 500),
    ]);
    expect(bob).toMatchObject({
      username: "bob",
      email: null,
      hash: null,
      login: null,
      role: "USER",
    });
    expect(Boolean(bob.active)).toBe(false);
    const sessions = new Map((await sessionsOf(gate)).map((session) => [session.id, session]));
    const key = header.slice("Token ".length);
    expect(sessions.get(keySessionIdOf(key))).toMatchObject({
      ...{ user: userIdOf("7"), scheme: "TOKEN", expires: null, refresh: null, ended: null },
      secret: createHash("sha256").update(key).digest("hex"),
    });
    expect(sessions.get(jwtSessionIdOf("jti-1"))).toMatchObject({ scheme: "JWT", ended: null });
    expect(sessions.get(jwtSessionIdOf("jti-2"))).toMatchObject({ reason: "logout" });
    expect(sessions.get(jwtSessionIdOf("jti-3"))).toMatchObject({
      ...{ scheme: "SLIDING", user: userIdOf("9") },
    });
    expect(Number(sessions.get(jwtSessionIdOf("jti-3")).refresh)).toBe(4_000_000_000_000);
    expect(sessions.get(jwtSessionIdOf("jti-4"))).toMatchObject({
      ...{ user: userIdOf("7"), reason: "logout" },
    });
  });

  test("the role comes from the Profile, and an import without Profiles keeps it", async () => {
    await django.user({ id: 1, username: "ada" });
    await django.user({ id: 2, username: "bob" });
    // The last administrator would keep the role in any case.
    await django.user({ id: 3, username: "root", is_superuser: true });
    await django.sql(
      "INSERT INTO accounts_profile (user_id, role) VALUES (1, 'boss'), (2, 'clerk')",
    );
    await importFrom(gate, django.url, { profileTable: "accounts_profile", adminValue: "boss" });
    expect((await usersOf(gate)).map(({ role }) => role)).toEqual(["ADMIN", "USER", "ADMIN"]);
    await django.sql("UPDATE auth_user SET last_login = '2025-01-01 00:00:00'");
    expect((await importFrom(gate, django.url)).summary).toMatchObject({ usersChanged: 3 });
    expect((await usersOf(gate)).map(({ role }) => role)).toEqual(["ADMIN", "USER", "ADMIN"]);
  });

  test("an --admin-value that no Profile has is reported", async () => {
    await django.user({ id: 1, username: "ada" });
    await django.sql("INSERT INTO accounts_profile (user_id, role) VALUES (1, 'admin')");
    const from = (adminValue: string) =>
      importFrom(gate, django.url, { profileTable: "accounts_profile", adminValue });
    expect((await from("admin")).remarks).toEqual([]);
    expect((await from("Admin")).remarks).toContainEqual({
      about: "role",
      text: 'No Profile has the role "Admin", so only superusers are administrators. Check --admin-value.',
    });
  });

  test("missing tables of tokens are reported, and the users are imported", async () => {
    await django.user({ id: 1, username: "ada" });
    await django.sql("DROP TABLE authtoken_token");
    await django.sql("DROP TABLE token_blacklist_blacklistedtoken");
    const { remarks, summary } = await importFrom(gate, django.url);
    expect(summary).toMatchObject({ isComplete: true, usersCreated: 1 });
    expect(remarks.map(({ text }) => text)).toEqual([
      "The database has no table authtoken_token, so none of its tokens are imported.",
      "The database has no table token_blacklist_blacklistedtoken, so none of its tokens are imported.",
    ]);
  });
});

describeFreshGates({ django: true }, (gate) => {
  setUpDjango();

  test("users of more than one batch are all imported, and a second run changes nothing", async () => {
    await django.sql(
      `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2345)
       INSERT INTO auth_user SELECT i, '!', NULL, 0, 'user' || i, '', '', 'user' || i || '@example.com', 0, 1, '2020-01-01' FROM n`,
    );
    await django.sql(
      `INSERT INTO authtoken_token SELECT substr('0000000000000000000000000000000000000000' || id, -40), '2020-01-01', id FROM auth_user`,
    );
    const first = await importFrom(gate, django.url);
    expect(first.summary).toMatchObject({ usersCreated: 2345, keysCreated: 2345 });
    const before = [await usersOf(gate), await sessionsOf(gate)];
    const second = await importFrom(gate, django.url);
    expect(second.summary).toMatchObject({ usersCreated: 0, usersUnchanged: 2345, keysCreated: 0 });
    expect([await usersOf(gate), await sessionsOf(gate)]).toEqual(before);
  });

  test("--dry-run prints the same report, and writes nothing", async () => {
    await gate.user("taken");
    await django.user({ id: 1, username: "ada", email: "ada@example.com" });
    await django.user({
      id: 2,
      username: "Ada",
      email: "ADA@example.com",
      last_login: "2024-01-01 00:00:00",
    });
    await django.user({ id: 3, username: "Taken" });
    await django.user({ id: 4, username: "\u0007" });
    await django.key(1);
    await django.token(1, 1);
    await django.token(2, null, { isBlacklisted: true, claims: { user_id: 1 } });
    const dry = await importFrom(gate, django.url, { dryRun: true });
    expect(await usersOf(gate)).toHaveLength(1);
    expect(await gate.sql("SELECT * FROM django_user")).toEqual([]);
    const real = await importFrom(gate, django.url);
    expect({ ...dry, summary: { ...dry.summary, isDryRun: false } }).toEqual(real);
    expect(real.summary).toMatchObject({ tokensCreated: 2, keysCreated: 1, usersRefused: 1 });
  });

  test("of two users with one name and address, the one who logged in last keeps them, and the other is renamed", async () => {
    await django.user({
      id: 1,
      username: "ada",
      email: "ada@example.com",
      last_login: "2023-01-01 00:00:00",
    });
    await django.user({
      id: 2,
      username: "ADA",
      email: "ada@EXAMPLE.com",
      last_login: "2024-01-01 00:00:00",
    });
    const header = await django.key(1);
    const { remarks } = await importFrom(gate, django.url);
    expect(await usersOf(gate)).toMatchObject([
      { username: "ADA", email: "ada@EXAMPLE.com" },
      { username: "ada#1", email: null },
    ]);
    expect(remarks.map(({ djangoId, about, text }) => [djangoId, about, text])).toEqual([
      ["1", "username", 'User 2 has the name "ada". This user is now called "ada#1".'],
      ["1", "email", "User 2 has the same address. This user is imported without an address."],
    ]);
    const [{ user }] = await sessionsOf(gate);
    expect([user, header.length]).toEqual([userIdOf("1"), 46]);
  });

  test("a user of Gatehouse is never merged with a user of Django who has the same name or address", async () => {
    const id = await gate.user("ada", { email: "ada@example.com" });
    await django.user({ id: 1, username: "Ada", email: "ada@example.com", is_superuser: true });
    const { remarks } = await importFrom(gate, django.url);
    expect(await usersOf(gate)).toMatchObject([
      { id, username: "ada", email: "ada@example.com", role: "USER" },
      { id: userIdOf("1"), username: "Ada#1", email: null, role: "ADMIN" },
    ]);
    expect(remarks.map(({ text }) => text)).toEqual([
      'A user of Gatehouse has the name "ada". This user is now called "Ada#1".',
      "A user of Gatehouse has the same address. This user is imported without an address.",
    ]);
  });

  test("names that our rules refuse, look-alikes too, are imported and listed", async () => {
    for (const [index, username] of ["a b", "ian.", "\u0430da", "ada", "o+O@x"].entries()) {
      await django.user({ id: index + 1, username });
    }
    const { remarks, summary } = await importFrom(gate, django.url);
    expect(summary).toMatchObject({ usersCreated: 5 });
    expect(
      remarks.map(({ djangoId, about, text }) => `${djangoId} ${about}: ${text}`).sort(),
    ).toEqual([
      "1 username: username may contain only letters, digits and . _ @ + -. The name stays.",
      "2 username: username must not end in a dot. The name stays.",
      "3 username: username must use the letters of one script. The name stays.",
      "4 username: The name looks like that of another user. The name stays.",
    ]);
    expect((await usersOf(gate)).map(({ username }) => username).sort()).toEqual(
      ["a b", "ian.", "\u0430da", "ada", "o+O@x"].sort(),
    );
  });

  test("a broken user, password or address is not imported, and each has a line", async () => {
    await django.user({ id: 1, username: "" });
    await django.user({ id: 2, username: "bell\u0007\u202e\u009b\u{e0041}" });
    await django.user({ id: 3, username: "x".repeat(151) });
    await django.user({
      id: 4,
      username: "md5",
      password: "md5$salt$5f4dcc3b5aa765d61d8327deb882cf99",
    });
    await django.user({ id: 5, username: "mail", email: "a@b.com, c@d.com" });
    await django.user({ id: 6, username: "fine" });
    await django.key(6, "short");
    await django.sql("UPDATE auth_user SET date_joined = 'yesterday' WHERE id = 6");
    const { code, stdout } = await runOver(gate, "import-django", "--from", django.url);
    expect(code).toBe(0);
    expect(stdout.split("\n")).toEqual([
      'User 1 "": Not imported. username must not be empty.',
      'User 2 "bell\\u0007\\u202e\\u009b\\udb40\\udc41": Not imported. username must be well-formed text without control characters.',
      expect.stringMatching(
        /^User 3 "x+": Not imported\. username must have at most 150 characters\.$/,
      ),
      "User 6: The key is not 40 hexadecimal digits, so it is not imported.",
      'User 4 "md5": Gatehouse cannot verify the password. The user is imported without a password.',
      'User 5 "mail": email must be one address, such as ada@example.com. The user is imported without an address.',
      'User 6 "fine": date_joined is not a date.',
      "Users: 6 read, 3 new, 0 changed, 0 as before, 3 not imported.",
      "Keys: 0 new, 0 ended.",
      "JWTs: 0 new, 0 ended.",
      "",
    ]);
  });
});
