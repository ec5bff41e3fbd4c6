import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { userIdOf } from "../../../src/features/import-django/identity.js";
import { describeDjango, DjangoProject } from "../../support/django.js";
import { describeFreshGates, PASSWORD } from "../../support/gate.js";
import { importFrom, runHere, runOver } from "./command.js";
import { DjangoDatabase } from "./django-database.js";

const PBKDF2 = "pbkdf2_sha256$260000$c2FsdHNhbHQ$ascIFFtvigNEJWHloUpkETigqNl0DJrrBBjcHrWNXxo=";

describeFreshGates({ django: true }, (gate) => {
  let django: DjangoDatabase;

  beforeEach(async () => {
    django = await DjangoDatabase.create("sqlite");
    await django.user({ id: 7, username: "ada", email: "ada@example.com", password: PBKDF2 });
    await django.user({ id: 9, username: "Ada", is_staff: true });
  });
  afterEach(() => django.drop());

  const exported = async (options: Record<string, string | true>) =>
    JSON.parse(await runHere(gate, "export", options));

  test("export writes all users and sessions as JSON, without anything to log in with", async () => {
    const key = (await django.key(7)).slice("Token ".length);
    await django.token(1, 7);
    await importFrom(gate, django.url);
    const bob = await gate.user("bob", { email: "bob@example.com", role: "ADMIN" });
    const { token } = await gate.issue(bob, "TOKEN");
    const { code, stdout } = await runOver(gate, "export", "--users", "--sessions");
    expect(code).toBe(0);
    const { users, sessions } = JSON.parse(stdout);
    expect(users).toContainEqual({
      ...{ id: userIdOf("7"), djangoId: "7", username: "ada", email: "ada@example.com" },
      ...{ passwordHash: PBKDF2, isActive: true, role: "USER", lastLoginAt: null },
      createdAt: "2020-02-03T04:05:06.789Z",
    });
    expect(users).toContainEqual(
      expect.objectContaining({ id: bob, djangoId: null, username: "bob", role: "ADMIN" }),
    );
    expect(sessions).toHaveLength(3);
    expect(sessions).toContainEqual(expect.objectContaining({ scheme: "JWT", jti: "jti-1" }));
    expect(stdout).not.toContain(key);
    expect(stdout).not.toContain(token.slice(-49));
  });

  test("more users than one page holds are all exported, once", async () => {
    await django.sql(
      `WITH RECURSIVE n (i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < 2299)
       INSERT INTO auth_user SELECT i, '!', NULL, 0, 'user' || i, '', '', '', 0, 1, '2020-01-01' FROM n`,
    );
    await importFrom(gate, django.url);
    const { users } = await exported({ users: true, format: "json" });
    expect(new Set(users.map(({ id }: { id: string }) => id)).size).toBe(2202);
    expect(users).toHaveLength(2202);
  });

  test("a fixture has users as they were in Django, with the changes that were made in Gatehouse", async () => {
    await django.sql("UPDATE auth_user SET first_name = 'Ada', last_name = 'L' WHERE id = 7");
    await importFrom(gate, django.url);
    await gate.auth.accounts.updateUser(userIdOf("7"), { email: "new@example.com" });
    await gate.auth.accounts.setRole(userIdOf("7"), "ADMIN");
    const rows = await exported({ users: true, format: "django" });
    const fieldsOf = (pk: number) => rows.find((row: { pk: number }) => row.pk === pk).fields;
    expect(fieldsOf(7)).toMatchObject({
      ...{ username: "ada", email: "new@example.com", first_name: "Ada", last_name: "L" },
      ...{ password: PBKDF2, is_superuser: true, is_staff: true },
    });
    expect(fieldsOf(9)).toMatchObject({ username: "Ada", is_superuser: false, is_staff: true });
    expect(fieldsOf(9).password).toMatch(/^!/);
  });

  test("a user of Gatehouse does not replace a user of the same name in Django", async () => {
    const bob = await gate.user("Bob");
    await django.user({ id: 11, username: "Bob" });
    await importFrom(gate, django.url);
    const rows = await exported({ users: true, format: "django" });
    const names = rows.map(({ pk, fields }: any) => [pk, fields.username]);
    expect(names).toContainEqual([11, "Bob"]);
    expect(names).toContainEqual([undefined, `Bob#${bob}`]);
  });

  test("a fixture blacklists the tokens that were logged out in Gatehouse, and no others", async () => {
    await django.token(1, 7);
    await django.token(2, 7, { isBlacklisted: true });
    await django.token(3, 9);
    await django.token(4, 7);
    await importFrom(gate, django.url);
    await django.blacklist(4);
    await importFrom(gate, django.url);
    await gate.auth.sessions.endAll(userIdOf("7"));
    const rows = await exported({ sessions: true, format: "django" });
    expect(rows.map(({ model, fields }: any) => [model, fields.token])).toEqual([
      ["token_blacklist.blacklistedtoken", 1],
    ]);
  });
});

const DAY = 86_400;
const SECRET_KEY = "the secret key of a Django project, for tests only";
const LIFETIMES = {
  REFRESH_TOKEN_LIFETIME: 30 * DAY,
  SLIDING_TOKEN_LIFETIME: 30 * DAY,
  SLIDING_TOKEN_REFRESH_LIFETIME: 30 * DAY,
};
const WITH_TOKENS = {
  django: true,
  djangoSecretKey: SECRET_KEY,
  djangoTokensUntil: new Date(Date.now() + 90 * DAY * 1000).toISOString().slice(0, 10),
} as const;

describeDjango("with Django", () => {
  describeFreshGates(WITH_TOKENS, (gate) => {
    test("loaddata takes the fixture: passwords verify, users of Gatehouse are new, and logged-out tokens are dead", async () => {
      const django = await DjangoProject.create();
      const folder = await mkdtemp(join(tmpdir(), "fixture-"));
      try {
        const tokens = await django.shell(`
ada = User.objects.create_superuser("ada", "ada@example.com", "${PASSWORD}")
bob = User.objects.create_user("bob", "bob@example.com", "${PASSWORD}", first_name="Bob")
gone = User.objects.create_user("gone")
Token.objects.create(user=bob)
result = [str(RefreshToken.for_user(user)) for user in [ada, bob]]
gone.delete()`);
        const { remarks, summary } = await importFrom(gate, django.databaseUrl);
        expect(remarks).toEqual([]);
        expect(summary).toMatchObject({ usersCreated: 2, keysCreated: 1, tokensCreated: 2 });
        await gate.auth.accounts.setPassword(userIdOf("2"), "another horse battery staple");
        await gate.user("carol", { email: "carol@example.com" });
        const options = { users: true, sessions: true, format: "django" } as const;
        const fixture = join(folder, "gatehouse.json");
        await writeFile(fixture, await runHere(gate, "export", options));
        await django.manage("loaddata", fixture);
        const seen = await django.shell(`
from rest_framework_simplejwt.exceptions import TokenError
result = [[user.pk, user.username, user.email, user.first_name, user.is_superuser,
    user.check_password("${PASSWORD}"), user.check_password("another horse battery staple")]
    for user in User.objects.order_by("username")]
for token in ${JSON.stringify(tokens)}:
    try: result.append(RefreshToken(token)["user_id"])
    except TokenError as error: result.append(str(error))`);
        expect(seen).toEqual([
          [1, "ada", "ada@example.com", "", true, true, false],
          [2, "bob", "bob@example.com", "Bob", false, false, true],
          [expect.any(Number), "carol", "carol@example.com", "", false, true, false],
          1,
          "Token is blacklisted",
        ]);
        expect([3, 4]).toContain(seen[2][0]);
      } finally {
        await django.close();
        await rm(folder, { recursive: true });
      }
    });

    test("loaddata blacklists tokens that Gatehouse has refreshed, even without their session, and unseen tokens that it refuses", async () => {
      const django = await DjangoProject.create({ secretKey: SECRET_KEY, simpleJwt: LIFETIMES });
      const folder = await mkdtemp(join(tmpdir(), "fixture-"));
      /** Loads the fixture of the sessions, and returns what Django then says about each token. */
      const load = async (tokens: string[]) => {
        const file = join(folder, "sessions.json");
        await writeFile(file, await runHere(gate, "export", { sessions: true, format: "django" }));
        await django.manage("loaddata", file);
        return django.shell(`
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.tokens import UntypedToken
types = {"refresh": RefreshToken, "sliding": SlidingToken}
result = []
for token in ${JSON.stringify(tokens)}:
    try: result.append(User.objects.get(pk=types[UntypedToken(token)["token_type"]](token)["user_id"]).username)
    except TokenError as error: result.append(str(error))`);
      };
      try {
        const [rotated, sliding, kept] = await django.shell(`
ada = User.objects.create_user("ada")
bob = User.objects.create_user("bob")
result = [str(RefreshToken.for_user(ada)), str(SlidingToken.for_user(ada)), str(RefreshToken.for_user(bob))]`);
        await importFrom(gate, django.databaseUrl);
        for (const token of [rotated, sliding]) {
          expect((await gate.refresh(token)).status).toBe(200);
        }
        const dead = "Token is blacklisted";
        expect(await load([rotated, sliding, kept])).toEqual([dead, dead, "bob"]);
        const unseen = await django.shell(`
BlacklistedToken.objects.all().delete()
result = str(RefreshToken.for_user(User.objects.get(username="ada")))`);
        gate.advance(60);
        await gate.auth.sessions.endAll(userIdOf("1"));
        gate.advance(8 * DAY);
        await gate.auth.maintenance.prune();
        expect(await gate.sql("SELECT id FROM session")).toHaveLength(1);
        await importFrom(gate, django.databaseUrl);
        expect(await load([rotated, sliding, unseen, kept])).toEqual([dead, dead, dead, "bob"]);
      } finally {
        await django.close();
        await rm(folder, { recursive: true });
      }
    });
  });
});
