import { afterEach, beforeEach, expect, test } from "@jest/globals";
import {
  jwtSessionIdOf,
  keySessionIdOf,
  userIdOf,
} from "../../../src/features/import-django/identity.js";
import { describeFreshGates } from "../../support/gate.js";
import { importFrom, runOver } from "./command.js";
import { DjangoDatabase } from "./django-database.js";

const OLD = "pbkdf2_sha256$260000$b2xk$ascIFFtvigNEJWHloUpkETigqNl0DJrrBBjcHrWNXxo=";
const NEW = "pbkdf2_sha256$260000$bmV3$ascIFFtvigNEJWHloUpkETigqNl0DJrrBBjcHrWNXxo=";

/** The ids of ada and of bob in Gatehouse. */
const [ADA, BOB] = [userIdOf("1"), userIdOf("2")];

let django: DjangoDatabase;

beforeEach(async () => {
  django = await DjangoDatabase.create("sqlite");
  await django.user({ id: 1, username: "ada", email: "ada@example.com", password: OLD });
  await django.user({ id: 2, username: "bob", email: "bob@example.com", password: OLD });
});
afterEach(() => django.drop());

describeFreshGates({ django: true }, (gate) => {
  const again = () => importFrom(gate, django.url);
  const change = (columns: string, id = 1) =>
    django.sql(`UPDATE auth_user SET ${columns} WHERE id = ${id}`);
  const read = async (id = ADA) => {
    const [user] = await gate.sql(
      `SELECT username, username_key AS key, email, password_hash AS hash, is_active AS active, role,
         credentials_version AS version, last_login_at AS login
       FROM "user" JOIN profile ON user_id = id WHERE id = ?`,
      [id],
    );
    return user;
  };
  const endOf = async (id: string) => {
    const [session] = await gate.sql("SELECT end_reason AS reason FROM session WHERE id = ?", [id]);
    return session?.reason;
  };
  const keyId = (header: string) => keySessionIdOf(header.slice("Token ".length));

  test("a change in Django changes the same field in Gatehouse, and nothing else", async () => {
    await again();
    await gate.auth.accounts.updateUser(BOB, { email: "bob@gatehouse.example" });
    await change(
      `username = 'Ada.2', email = 'ada@new.example', password = '${NEW}', last_login = '2025-01-01 00:00:00'`,
    );
    await change("is_superuser = 1", 2);
    expect((await again()).summary).toMatchObject({ usersChanged: 2, usersCreated: 0 });
    const ada = await read();
    expect(ada).toMatchObject({
      ...{ username: "Ada.2", key: "ada.2", email: "ada@new.example", hash: NEW, version: 0 },
    });
    expect(Number(ada.login)).toBe(Date.UTC(2025, 0, 1));
    expect(await read(BOB)).toMatchObject({ email: "bob@gatehouse.example", role: "ADMIN" });
  });

  test("a change in Gatehouse stays until Django changes the same field", async () => {
    await again();
    await gate.auth.accounts.updateUser(ADA, { username: "countess" });
    await change("email = 'ada@new.example'");
    await again();
    expect(await read()).toMatchObject({ username: "countess", email: "ada@new.example" });
    await change("username = 'lovelace'");
    await again();
    expect(await read()).toMatchObject({ username: "lovelace", email: "ada@new.example" });
  });

  test("a password that was changed in Gatehouse stays, even if Django's hash changes later", async () => {
    await again();
    await gate.auth.accounts.setPassword(ADA, "another horse battery staple");
    const { hash } = await read();
    await change(`password = '${NEW}'`);
    const header = await django.key(1);
    const { remarks } = await again();
    expect(remarks).toMatchObject([{ djangoId: "1", about: "password" }]);
    expect(await read()).toMatchObject({ hash, version: 1 });
    // The user's new key in Django does not work in Gatehouse either.
    expect(await endOf(keyId(header))).toBeUndefined();
    expect(await gate.sql("SELECT id FROM session")).toEqual([]);
  });

  test("a deactivation in Django ends all sessions, unless the user is the last administrator", async () => {
    await change("is_superuser = 1", 2);
    const header = await django.key(1);
    await again();
    await change("is_active = 0");
    await change("is_active = 0", 2);
    const { remarks } = await again();
    expect(await endOf(keyId(header))).toBe("user_deactivated");
    expect(await read()).toMatchObject({ version: 1 });
    expect(gate.events.map(({ type }) => type)).toEqual(
      expect.arrayContaining(["user_deactivated", "session_ended"]),
    );
    expect(remarks).toMatchObject([{ djangoId: "2", about: "role" }]);
    expect(Boolean((await read(BOB)).active)).toBe(true);
    await gate.user("carol", { role: "ADMIN" });
    expect((await again()).remarks).toEqual([]);
    expect(Boolean((await read(BOB)).active)).toBe(false);
  });

  test("a password that Django changes with or after a deactivation replaces the old one", async () => {
    await again();
    await change(`is_active = 0, password = '${NEW}'`);
    expect((await again()).remarks).toEqual([]);
    expect((await read()).hash).toBe(NEW);
    await change(`password = '${OLD}'`);
    await again();
    await change(`is_active = 1, password = '${NEW}'`);
    expect((await again()).remarks).toEqual([]);
    expect(await read()).toMatchObject({ hash: NEW, version: 2 });
    await gate.auth.accounts.setPassword(ADA, "another horse battery staple");
    await change(`is_active = 0, password = '${OLD}'`);
    expect((await again()).remarks).toMatchObject([{ djangoId: "1", about: "password" }]);
    expect((await read()).hash).toMatch(/^\$argon2id/);
  });

  test("the key and the tokens of a user whom Django activates later work from then on", async () => {
    await change("is_active = 0");
    const header = await django.key(1);
    await django.token(1, 1);
    await django.token(2, 1, { isBlacklisted: true });
    expect((await again()).summary).toMatchObject({ keysCreated: 0, tokensCreated: 1 });
    expect((await gate.me(header)).reason).toBe("token_not_valid");
    await change("is_active = 1");
    expect((await again()).summary).toMatchObject({ keysCreated: 1, tokensCreated: 1 });
    expect((await gate.me(header)).data.me.username).toBe("ada");
    expect(await endOf(jwtSessionIdOf("jti-1"))).toBeNull();
    expect(await endOf(jwtSessionIdOf("jti-2"))).toBe("logout");
  });

  test("after a deactivation in Django, older tokens stay dead, and newer ones work", async () => {
    const header = await django.key(1);
    await django.token(1, 1);
    await again();
    await change("is_active = 0");
    await again();
    await change("is_active = 1");
    const iat = Math.floor(gate.now / 1000) + 60;
    await django.token(2, 1, { claims: { iat } });
    await django.token(3, 1, { claims: { iat: iat - 120 } });
    expect((await again()).summary).toMatchObject({ keysCreated: 0, tokensCreated: 1 });
    expect((await gate.me(header)).status).toBe(401);
    expect(await endOf(jwtSessionIdOf("jti-1"))).toBe("user_deactivated");
    expect(await endOf(jwtSessionIdOf("jti-2"))).toBeNull();
    expect(await endOf(jwtSessionIdOf("jti-3"))).toBeUndefined();
  });

  test("a token that was logged out in Django is logged out at the next import", async () => {
    const [first, kept] = [await django.key(1), await django.key(2)];
    await django.token(1, 1);
    await django.token(2, 2);
    await again();
    await django.sql("DELETE FROM authtoken_token WHERE user_id = 1");
    const second = await django.key(1);
    await django.blacklist(1);
    const { summary } = await again();
    expect(summary).toMatchObject({
      keysEnded: 1,
      keysCreated: 1,
      tokensEnded: 1,
      tokensCreated: 0,
    });
    expect(await endOf(keyId(first))).toBe("logout");
    expect(await endOf(jwtSessionIdOf("jti-1"))).toBe("logout");
    for (const id of [keyId(second), keyId(kept), jwtSessionIdOf("jti-2")]) {
      expect(await endOf(id)).toBeNull();
    }
    expect(gate.events.filter(({ type }) => type === "session_ended")).toHaveLength(2);
  });

  test("a token that was logged out in Gatehouse stays logged out", async () => {
    const header = await django.key(1);
    await django.token(1, 1);
    await again();
    await gate.auth.sessions.endAll(ADA);
    await change("last_login = '2025-01-01 00:00:00'");
    await again();
    expect(await endOf(keyId(header))).toBe("logout");
    expect(await endOf(jwtSessionIdOf("jti-1"))).toBe("logout");
  });

  test("a user who was deleted in Gatehouse is not imported again, and no data of the user stays", async () => {
    await django.key(1);
    await again();
    await gate.auth.accounts.deleteUser(ADA);
    const { remarks, summary } = await again();
    expect(remarks).toMatchObject([
      {
        djangoId: "1",
        text: "Not imported. The user was deleted in Gatehouse, so the import does not create the user again.",
      },
    ]);
    expect(summary).toMatchObject({ usersRefused: 1, usersCreated: 0, keysCreated: 0 });
    expect(await gate.sql("SELECT * FROM django_user WHERE django_id = '1'")).toEqual([
      {
        ...{ django_id: "1", user_id: null, imported: "" },
        ...{ refused_before: null, credentials_version: 0 },
      },
    ]);
  });

  test("a user who was deleted in Django is reported, and stays", async () => {
    await again();
    await django.sql("DELETE FROM auth_user WHERE id = 1");
    expect((await again()).remarks).toMatchObject([
      {
        djangoId: "1",
        username: "ada",
        text: "Django no longer has this user. The user stays in Gatehouse.",
      },
    ]);
    expect(await read()).toMatchObject({ username: "ada" });
  });

  test("a new name or address that another user has is not taken from that user", async () => {
    await again();
    await change("username = 'Bob', email = 'BOB@example.com'");
    const { remarks } = await again();
    expect(remarks.map(({ djangoId, about }) => [djangoId, about])).toEqual([
      ["1", "username"],
      ["1", "email"],
    ]);
    expect(await read()).toMatchObject({ username: "Bob#1", email: null });
    expect(await read(BOB)).toMatchObject({ username: "bob", email: "bob@example.com" });
  });

  test("an import is one event of the audit trail, with its counts", async () => {
    await again();
    const events = gate.events.filter(({ type }) => type !== "key_rotated");
    expect(events).toMatchObject([
      { type: "import-django:imported", details: { isComplete: true, usersCreated: 2 } },
    ]);
  });

  test("export-user prints the data of the last import, without fingerprints of secrets", async () => {
    await django.key(1);
    await again();
    const { stdout } = await runOver(gate, "export-user", "ada");
    expect(JSON.parse(stdout).features["import-django"]).toEqual({
      ...{ djangoId: "1", username: "ada", email: "ada@example.com", firstName: "", lastName: "" },
      ...{ isActive: true, isStaff: false, isSuperuser: false, lastLoginAt: null },
      ...{ profile: null, role: "USER" },
    });
  });
});
