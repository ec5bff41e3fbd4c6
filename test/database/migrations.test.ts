import { describe, expect, test } from "@jest/globals";
import { createDatabase, DATABASES, type TestDatabase } from "../support/databases.js";
import { setUpFreshDatabase } from "../support/fresh-database.js";
import { recordStatements } from "../support/statements.js";
import { CORE, createAsVersion01, SINCE_01 } from "./version-0.1.js";

const notes = {
  name: "notes",
  migrations: [
    {
      name: "2026-11-26-first",
      statements: [`create table "note" ("id" text not null primary key)`],
    },
  ],
};
const labels = {
  name: "labels",
  migrations: [
    {
      name: "2026-11-26-first",
      statements: [
        `create table "label" ("id" text not null primary key)`,
        `alter table "label" add column "text" text`,
      ],
    },
  ],
};

describe.each(DATABASES)("the migrations over %s", (kind) => {
  const fresh = setUpFreshDatabase(kind);

  const record = (name: string) =>
    fresh.sql("INSERT INTO mikro_orm_migrations (name) VALUES (?)", [name]);

  const recorded = async () =>
    (await fresh.sql("SELECT name FROM mikro_orm_migrations ORDER BY id")).map(({ name }) => name);

  const tables = async () => {
    const rows = await fresh.sql(
      kind === "sqlite"
        ? "SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'sqlite_sequence'"
        : "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public'",
    );
    return rows.map(({ name }) => name).sort();
  };

  /** Returns every table, column, constraint and index. On SQLite, these are the SQL statements that created them. */
  const schema = (of: Pick<TestDatabase, "sql"> = fresh) =>
    of.sql(
      kind === "sqlite"
        ? "SELECT type, name, sql FROM sqlite_master ORDER BY type, name"
        : `SELECT table_name AS name, column_name || ' ' || data_type || ' ' || is_nullable || ' '
             || coalesce(column_default, '') AS sql
           FROM information_schema.columns WHERE table_schema = 'public'
           UNION ALL SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
           UNION ALL SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
             WHERE connamespace = 'public'::regnamespace
           ORDER BY 1, 2`,
    );

  test("M-14: create the schema of the entities, and change nothing when run again", async () => {
    const database = await fresh.open();
    expect(await database.pendingChanges()).toMatch(/create table/i);
    expect(await database.migrate()).toHaveLength(CORE.length);
    expect(await database.pendingChanges()).toBe("");
    expect(await database.migrate()).toEqual([]);
    expect(await database.pendingChanges()).toBe("");
  });

  test("M-14: each run once when four instances migrate an empty database concurrently", async () => {
    const databases = await Promise.all(Array.from({ length: 4 }, () => fresh.open([notes])));
    const applied = await Promise.all(databases.map((database) => database.migrate()));
    for (const database of databases) expect(await database.pendingChanges()).toBe("");
    expect(await recorded()).toEqual([...CORE, "notes:2026-11-26-first"]);
    expect(applied.flat()).toEqual(await recorded());
  });

  test("M-14: each run once when four instances migrate an old database concurrently", async () => {
    await createAsVersion01(kind, fresh);
    const databases = await Promise.all(Array.from({ length: 4 }, () => fresh.open()));
    const applied = await Promise.all(databases.map((database) => database.migrate()));
    expect(applied.flat()).toEqual(SINCE_01);
    expect(await recorded()).toEqual(CORE);
  });

  test("M-14: give a database of version 0.1 the schema of a new one, and keep its rows", async () => {
    const old = await createDatabase(kind);
    try {
      await createAsVersion01(kind, old);
      await old.sql(
        `INSERT INTO "user" (id, username, username_key, created_at) VALUES ('1', 'ada', 'ada', 1)`,
      );
      await old.sql(
        `INSERT INTO session (id, user_id, scheme, credentials_version, created_at, rotated_at)
         VALUES ('2', '1', 'JWT', 0, 5, 5)`,
      );
      const database = await fresh.open([], { databaseUrl: old.url });
      expect(await database.migrate()).toEqual(SINCE_01);
      expect(await database.pendingChanges()).toBe("");
      expect(await old.sql("SELECT name FROM mikro_orm_migrations ORDER BY id")).toEqual(
        CORE.map((name) => ({ name })),
      );
      expect(await old.sql(`SELECT username FROM "user"`)).toEqual([{ username: "ada" }]);
      // The row does not say whether a login opened the session, so its user has to give the password again.
      const sessions = "SELECT id, authenticated_at FROM session";
      expect(await old.sql(sessions)).toEqual([{ id: "2", authenticated_at: null }]);
      expect(await (await fresh.open()).migrate()).toEqual(CORE);
      expect(await recorded()).toEqual(CORE);
      expect(await schema()).toEqual(await schema(old));
    } finally {
      await fresh.close();
      await old.drop();
    }
  });

  test("the core's tables are those of its entities, and no others", async () => {
    const database = await fresh.open();
    await database.migrate();
    expect(await tables()).toEqual([
      "lease",
      "mikro_orm_migrations",
      "profile",
      "session",
      "signing_key",
      "throttle",
      "user",
    ]);
  });

  test("a feature's migrations are applied after the core's, once, and recorded as feature:name", async () => {
    const database = await fresh.open([notes]);
    expect(await database.migrate()).toEqual([...CORE, "notes:2026-11-26-first"]);
    expect(await database.migrate()).toEqual([]);
    expect(await recorded()).toEqual([...CORE, "notes:2026-11-26-first"]);
    expect(await tables()).toContain("note");
  });

  test("two features may give their migrations the same name", async () => {
    const database = await fresh.open([notes, labels]);
    const names = ["notes:2026-11-26-first", "labels:2026-11-26-first"];
    expect(await database.migrate()).toEqual([...CORE, ...names]);
    expect(await tables()).toEqual(expect.arrayContaining(["note", "label"]));
  });

  test("a feature that is switched on later is migrated at that start", async () => {
    await (await fresh.open()).migrate();
    const database = await fresh.open([labels]);
    expect(await database.migrate()).toEqual(["labels:2026-11-26-first"]);
    // From then on, a start only reads.
    expect(await recordStatements(() => database.migrate())).toHaveLength(1);
  });

  test("a feature that is switched off or removed leaves its tables, and the server still starts", async () => {
    await (await fresh.open([notes, labels])).migrate();
    const without = await fresh.open([labels]);
    expect(await without.migrate()).toEqual([]);
    await record("removed:2026-11-26-first");
    expect(await without.migrate()).toEqual([]);
    expect(await tables()).toContain("note");
  });

  test("tables that no entity describes need no change", async () => {
    const database = await fresh.open([notes]);
    await database.migrate();
    expect(await database.pendingChanges()).toBe("");
    const without = await fresh.open();
    expect(await without.pendingChanges()).toBe("");
  });

  test("an entity of a feature that has no table needs a change", async () => {
    await (await fresh.open()).migrate();
    const loadEntities = async () =>
      Object.values(await import("../../src/features/passkeys/passkey.entity.js"));
    const database = await fresh.open([{ name: "passkeys", loadEntities }]);
    expect(await database.migrate()).toEqual([]);
    expect(await database.pendingChanges()).toMatch(/^create table .passkey/);
  });

  test.each(["2999-01-01-later", "notes:2999-01-01-later"])(
    "a database with the unknown migration %s counts as that of a newer version, and is refused",
    async (name) => {
      const database = await fresh.open([notes]);
      await database.migrate();
      await record(name);
      await expect(database.migrate()).rejects.toThrow(
        `A newer version wrote this database: the migration ${name} is unknown.`,
      );
    },
  );

  test("a wrong statement of a feature fails at the start without a second try, and the error names the feature", async () => {
    const statements = [`create tabel "wrong" ("id" text)`];
    const database = await fresh.open([
      notes,
      { name: "typos", migrations: [{ name: "2026-11-26-first", statements }] },
    ]);
    const tried = await recordStatements(() =>
      expect(database.migrate()).rejects.toThrow(
        /^The migration 2026-11-26-first of the feature typos cannot be applied: .*tabel[^\n]*$/,
      ),
    );
    expect(tried.filter((text) => text === "ROLLBACK")).toHaveLength(1);
    expect(await tables()).not.toContain("note");
  });

  test("the error of a migration is one line, even if the statement has several", async () => {
    const wrong = { name: "1", statements: [`insert into "a\n\nb" values (1)`] };
    const database = await fresh.open([notes, { name: "typos", migrations: [wrong] }]);
    await expect(database.migrate()).rejects.toThrow(
      /^The migration 1 of the feature typos cannot be applied: [^\n]+a b"?[^\n]*$/,
    );
  });

  test("a migration of the core that fails is named, and the error has its cause", async () => {
    await fresh.sql("CREATE TABLE lease (id text)");
    const error: unknown = await (await fresh.open()).migrate().catch((thrown: unknown) => thrown);
    expect((error as Error).message).toMatch(
      /^The migration 2026-\d\d-\d\d-\S+ cannot be applied: /,
    );
    expect((error as Error).cause).toMatchObject({ message: expect.any(String) });
  });

  test("recorded migrations that cannot be read are an error, and not an empty database", async () => {
    await (await fresh.open()).migrate();
    await fresh.sql("ALTER TABLE mikro_orm_migrations RENAME COLUMN name TO title");
    const error: unknown = await (await fresh.open()).migrate().catch((thrown: unknown) => thrown);
    expect((error as Error).message).toMatch(/^The recorded migrations cannot be read: [^\n]+name/);
    expect((error as Error).cause).toMatchObject({ message: expect.any(String) });
  });
});
