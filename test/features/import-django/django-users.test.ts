import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { describeDjango, DJANGO_DATABASES, DjangoProject } from "../../support/django.js";
import { Gate } from "../../support/gate.js";
import { importFrom } from "./command.js";

/** The hashers of Django 4, by the names that their hashes start with. */
const HASHERS = ["pbkdf2_sha256", "pbkdf2_sha1", "argon2", "bcrypt_sha256", "bcrypt", "scrypt"];
/** The hashers of old versions, which are too weak to be taken over. */
const OLD_HASHERS = ["sha1", "md5", "unsalted_sha1", "unsalted_md5"];

/** This password is not ASCII, has spaces at both ends, and is longer than the 72 bytes that bcrypt reads. */
const PASSWORD = ` Grüße aus Köln 🔑 ${"0123456789".repeat(8)} `;

/** Names that Django allows. The rules for new names in Gatehouse would refuse them. */
const NAMES = ["mamun@gmail.com", "a.b+c@x-y_z", "ADMIN2", "محمد", "иван1", "josé"];

describeDjango("the users of the Django project", () => {
  describe.each(DJANGO_DATABASES)("from %s", (database) => {
    let django: DjangoProject;
    let gate: Gate;
    let hashes: Record<string, string>;
    let ids: Record<string, number>;
    let remarks: Awaited<ReturnType<typeof importFrom>>["remarks"];

    beforeAll(async () => {
      gate = await Gate.open({ django: true }, database === "sqlite" ? "sqlite" : "postgresql");
      django = await DjangoProject.create({ database });
      ({ hashes, ids } = await django.shell(`
password = ${JSON.stringify(PASSWORD)}
for hasher in ${JSON.stringify([...HASHERS, ...OLD_HASHERS])}:
    User.objects.create(username=hasher, password=make_password(password, hasher=hasher))
User.objects.create(username="unusable", password=make_password(None))
User.objects.create(username="empty", password="")
for name in ${JSON.stringify(NAMES)}:
    User.objects.create_user(name, password="1234")
User.objects.create_user("Mamun", "mamun@example.com", "of Mamun")
User.objects.create_user("mamun", "MAMUN@example.com", "of mamun")
User.objects.create_user("inactive", password="1234", is_active=False)
User.objects.create_superuser("root", password="1234")
user = User.objects.create_user("editor", password="1234")
Profile.objects.create(user=user, role="admin")
user = User.objects.create_user("reader", password="1234", is_staff=True)
Profile.objects.create(user=user, role="user")
users = User.objects.all()
result = {
    "hashes": {user.username: user.password for user in users},
    "ids": {user.username: user.id for user in users},
}`));
      ({ remarks } = await importFrom(gate, django.databaseUrl, {
        profileTable: "accounts_profile",
      }));
    });
    afterAll(async () => {
      await gate.close();
      await django.close();
    });

    const hashOf = async (username: string): Promise<string> => {
      const [user] = await gate.sql(`SELECT password_hash AS hash FROM "user" WHERE username = ?`, [
        username,
      ]);
      return user.hash;
    };
    const login = (username: string, password: string) => gate.login(username, "JWT", password);

    test.each(HASHERS)("log in with a password of %s, which becomes Argon2id", async (hasher) => {
      const stored = await hashOf(hasher);
      expect(stored).toBe(hashes[hasher]);
      expect(stored.startsWith(`${hasher}$`)).toBe(true);
      await login(hasher, PASSWORD);
      expect(await hashOf(hasher)).toMatch(/^\$argon2id\$/);
      await login(hasher, PASSWORD);
      await expect(login(hasher, PASSWORD.trim())).rejects.toThrow("invalid_credentials");
    });

    test.each(OLD_HASHERS)(
      "are imported without a password of %s, and are reported",
      async (hasher) => {
        expect(await hashOf(hasher)).toBeNull();
        expect(remarks).toContainEqual(
          expect.objectContaining({ username: hasher, about: "password" }),
        );
        await expect(login(hasher, PASSWORD)).rejects.toThrow("invalid_credentials");
      },
    );

    test.each(["unusable", "empty"])("cannot log in when the password is %s", async (username) => {
      const password = hashes[username] === "" ? PASSWORD : hashes[username]!;
      await expect(login(username, password)).rejects.toThrow("invalid_credentials");
    });

    test.each(NAMES)("keep the name %s", async (name) => {
      const { authorization } = await login(name, "1234");
      expect((await gate.me(authorization)).data.me.username).toBe(name);
    });

    test("whose names differ only in case are both imported, and the second is renamed", async () => {
      await login("Mamun", "of Mamun");
      await login(`mamun#${ids["mamun"]}`, "of mamun");
      const about = remarks.filter(({ username }) => username === "mamun").map((r) => r.about);
      expect(about.toSorted()).toEqual(["email", "username"]);
    });

    test("who are inactive cannot log in", async () => {
      await expect(login("inactive", "1234")).rejects.toThrow("invalid_credentials");
    });

    test("are administrators by is_superuser and by the role of their Profile", async () => {
      const roleOf = async (name: string) => {
        const { authorization } = await login(name, "1234");
        const { data } = await gate.ask("{ me { profile { role } } }", { authorization });
        return data.me.profile.role;
      };
      expect(await roleOf("root")).toBe("ADMIN");
      expect(await roleOf("editor")).toBe("ADMIN");
      expect(await roleOf("reader")).toBe("USER");
    });
  });
});
