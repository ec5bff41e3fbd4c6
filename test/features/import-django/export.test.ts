import { spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { userIdOf } from "../../../src/features/import-django/identity.js";
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

  test("a fixture gives users back as they were in Django, with what changed here", async () => {
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

  test("a user here whose name another user has in Django does not replace that user", async () => {
    const bob = await gate.user("Bob");
    await django.user({ id: 11, username: "Bob" });
    await importFrom(gate, django.url);
    const rows = await exported({ users: true, format: "django" });
    const names = rows.map(({ pk, fields }: any) => [pk, fields.username]);
    expect(names).toContainEqual([11, "Bob"]);
    expect(names).toContainEqual([undefined, `Bob#${bob}`]);
  });

  test("a fixture blacklists the tokens that were logged out here, and no others", async () => {
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

const PYTHON = "/usr/bin/python3";
const hasDjango =
  spawnSync(PYTHON, ["-c", "import django, rest_framework_simplejwt, argon2"]).status === 0;
if (!hasDjango && process.env["REQUIRE_SERVICES"] === "1") {
  throw new Error(`Django is required, but ${PYTHON} has no packages of it.`);
}
if (!hasDjango) {
  describe.skip(`with Django: ${PYTHON} does not have it`, () => {
    test("the way there and back", () => undefined);
  });
}

(hasDjango ? describe : describe.skip)("with Django", () => {
  describeFreshGates({ django: true }, (gate) => {
    let folder: string;
    let path: string;

    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), "django-"));
      path = join(folder, "db.sqlite3");
    });
    afterEach(() => rm(folder, { recursive: true }));

    /** Runs a command of the project, or a program that sees the project's models. */
    const python = (parameters: string[], program = ""): string => {
      const script = join(import.meta.dirname, "project.py");
      const ended = spawnSync(PYTHON, [script, path, ...parameters], {
        input: program,
        encoding: "utf8",
      });
      if (ended.status !== 0) throw new Error(ended.stderr);
      return ended.stdout;
    };

    test("loaddata takes the fixture: passwords verify, users born here are new, and logged-out tokens are dead", async () => {
      python(["migrate"]);
      const tokens = python(
        [],
        `
from django.contrib.auth.models import User
from rest_framework.authtoken.models import Token
from rest_framework_simplejwt.tokens import RefreshToken
ada = User.objects.create_superuser("ada", "ada@example.com", "${PASSWORD}")
bob = User.objects.create_user("bob", "bob@example.com", "${PASSWORD}", first_name="Bob")
gone = User.objects.create_user("gone")
Token.objects.create(user=bob)
for token in [RefreshToken.for_user(ada), RefreshToken.for_user(bob)]: print(token)
gone.delete()
`,
      ).trim();
      const { remarks, summary } = await importFrom(gate, `sqlite:${path}`);
      expect(remarks).toEqual([]);
      expect(summary).toMatchObject({ usersCreated: 2, keysCreated: 1, tokensCreated: 2 });
      await gate.auth.accounts.setPassword(userIdOf("2"), "another horse battery staple");
      await gate.user("carol", { email: "carol@example.com" });
      const fixture = await runHere(gate, "export", {
        users: true,
        sessions: true,
        format: "django",
      });
      await writeFile(join(folder, "gatehouse.json"), fixture);
      python(["loaddata", join(folder, "gatehouse.json")]);
      const seen = python(
        [],
        `
from django.contrib.auth.models import User
from rest_framework_simplejwt.tokens import RefreshToken
from rest_framework_simplejwt.exceptions import TokenError
for user in User.objects.order_by("username"):
    print(user.pk, user.username, user.email, user.first_name, user.is_superuser,
        user.check_password("${PASSWORD}"), user.check_password("another horse battery staple"))
for token in """${tokens}""".split():
    try: print(RefreshToken(token)["user_id"])
    except TokenError as error: print(error)
`,
      );
      expect(seen.trim().split("\n")).toEqual([
        "1 ada ada@example.com  True True False",
        "2 bob bob@example.com Bob False False True",
        expect.stringMatching(/^[34] carol carol@example\.com  False True False$/),
        "1",
        "Token is blacklisted",
      ]);
    });
  });
});
