import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { describeFreshGates } from "../../support/gate.js";
import { importFrom, runHere } from "./command.js";
import { DjangoDatabase } from "./django-database.js";
import { signAsSimpleJwt } from "./django-rows.js";

const SECRET = "django-insecure-3b!h^x2z9$5f";
const OPTIONS = { django: true, djangoSecretKey: SECRET, djangoTokensUntil: "2040-01-31" };

let django: DjangoDatabase;

describeFreshGates(OPTIONS, (gate, kind) => {
  beforeEach(async () => {
    django = await DjangoDatabase.empty(kind);
  });
  afterEach(() => django.drop());

  const nameOf = async (user_id: string) => {
    const token = signAsSimpleJwt(gate, SECRET, { token_type: "access", user_id });
    return (await gate.me(`Bearer ${token}`)).data?.me.username;
  };

  test("text keys that differ in capitals are two users, and all forms of a UUID are one", async () => {
    await django.sql(
      "CREATE TABLE people (id varchar(36) PRIMARY KEY, username varchar(150), password varchar(128), is_active integer)",
    );
    for (const [id, username] of [
      ["Ab", "ada"],
      ["aB", "bob"],
      ["0B9A3C7E5D1F4A6B8C2D9E0F1A2B3C4D", "carol"],
    ]) {
      await django.sql("INSERT INTO people VALUES (?, ?, '!', 1)", [id, username]);
    }
    const { summary } = await importFrom(gate, django.url, { userTable: "people" });
    expect(summary).toMatchObject({ usersCreated: 3 });
    expect(await nameOf("Ab")).toBe("ada");
    expect(await nameOf("aB")).toBe("bob");
    expect(await nameOf("ab")).toBeUndefined();
    expect(await nameOf("0b9a3c7e-5d1f-4a6b-8c2d-9e0f1a2b3c4d")).toBe("carol");
  });
});

describeFreshGates({ django: true }, (gate) => {
  beforeEach(async () => {
    django = await DjangoDatabase.create("sqlite");
  });
  afterEach(() => django.drop());

  test("a column without a type is refused, because its rows cannot be found by their keys", async () => {
    await django.user({ id: 1, username: "ada" });
    await django.sql(
      "CREATE VIEW people AS SELECT id + 0 AS id, username, password, is_active FROM auth_user",
    );
    await django.sql(
      "CREATE VIEW roles AS SELECT user_id + 0 AS user_id, role FROM accounts_profile",
    );
    await django.sql("INSERT INTO accounts_profile VALUES (1, 1, 'admin')");
    const from = django.url;
    await expect(runHere(gate, "import-django", { from, userTable: "people" })).rejects.toThrow(
      "The column id of people has no type. Name a view that has CAST(id AS INTEGER) AS id.",
    );
    await expect(runHere(gate, "import-django", { from, profileTable: "roles" })).rejects.toThrow(
      "The column user_id of roles has no type. Name a view that has CAST(user_id AS INTEGER) AS user_id.",
    );
    await django.sql("DROP VIEW people");
    await django.sql(
      "CREATE VIEW people AS SELECT CAST(id AS INTEGER) AS id, username, password, is_active FROM auth_user",
    );
    expect((await importFrom(gate, from, { userTable: "people" })).summary).toMatchObject({
      usersCreated: 1,
    });
  });

  test("an import that could not read all users says so, and is not reported as complete", async () => {
    await django.sql("CREATE TABLE people (id, username, password, is_active)");
    await django.sql("INSERT INTO people VALUES ('x', 'ada', '!', 1)");
    await django.sql(
      `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 6000)
       INSERT INTO people SELECT i, 'user' || i, '!', 1 FROM n`,
    );
    await expect(
      runHere(gate, "import-django", { from: django.url, userTable: "people" }),
    ).rejects.toThrow(
      "The import stopped: Only 5001 of 6001 users could be read in the order of id. Check the type of the column id.",
    );
    expect(gate.events).toContainEqual(
      expect.objectContaining({ details: expect.objectContaining({ isComplete: false }) }),
    );
    await expect(
      runHere(gate, "import-django", { from: django.url, userTable: "people", dryRun: true }),
    ).rejects.toThrow(/ This was a dry run: nothing was written\. Run the same command again\.$/);
  });
});
