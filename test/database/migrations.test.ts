import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { Database } from "../../src/database/database.js";
import { ROOT, runCommand } from "../support/command.js";
import { createDatabase, DATABASES, type TestDatabase } from "../support/databases.js";
import { createAsVersion01 } from "./version-0.1.js";

/** The core's migrations since version 0.1. */
const SINCE_01 = [
  "2026-11-26-profile-role",
  "2026-11-27-session-authenticated-at",
  "2026-11-27-user-names",
  "2026-11-28-session-impersonator",
  "2026-11-28-session-methods",
  "2026-11-28-session-second-factor",
];
const CORE = ["2026-11-22-accounts-keys-sessions", "2026-11-25-throttling", ...SINCE_01];

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
  let home: TestDatabase;
  let open: Database[];

  beforeEach(async () => {
    home = await createDatabase(kind);
    open = [];
  });

  afterEach(async () => {
    for (const database of open) await database.close();
    await home.drop();
  });

  async function openWith(...features: Parameters<typeof Database.open>[1] & object) {
    const database = await Database.open({ databaseUrl: home.url }, features);
    open.push(database);
    return database;
  }

  const record = (name: string) =>
    home.sql("INSERT INTO mikro_orm_migrations (name) VALUES (?)", [name]);

  const recorded = async () =>
    (await home.sql("SELECT name FROM mikro_orm_migrations ORDER BY id")).map(({ name }) => name);

  const tables = async () => {
    const rows = await home.sql(
      kind === "sqlite"
        ? "SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'sqlite_sequence'"
        : "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public'",
    );
    return rows.map(({ name }) => name).sort();
  };

  /** Returns every table, column, constraint and index. On SQLite, these are the SQL statements that created them. */
  const schema = (of = home) =>
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
    const database = await openWith();
    expect(await database.pendingChanges()).not.toBe("");
    expect(await database.migrate()).toHaveLength(CORE.length);
    expect(await database.pendingChanges()).toBe("");
    expect(await database.migrate()).toEqual([]);
    expect(await database.pendingChanges()).toBe("");
  });

  test("M-14: each run once when four instances migrate an empty database concurrently", async () => {
    const databases = await Promise.all(Array.from({ length: 4 }, () => openWith()));
    const applied = await Promise.all(databases.map((database) => database.migrate()));
    expect(applied.flat()).toHaveLength(CORE.length);
    for (const database of databases) expect(await database.pendingChanges()).toBe("");
    expect(await recorded()).toHaveLength(CORE.length);
  });

  test("M-14: each run once when four instances migrate an old database concurrently", async () => {
    await createAsVersion01(kind, home);
    const databases = await Promise.all(Array.from({ length: 4 }, () => openWith()));
    const applied = await Promise.all(databases.map((database) => database.migrate()));
    expect(applied.flat()).toEqual(SINCE_01);
    expect(await recorded()).toEqual(CORE);
  });

  test("M-14: succeed in each of four processes that migrate an empty database concurrently", async () => {
    const env = {
      SECRET_KEY: "an example of a secret that is long enough",
      DATABASE_URL: home.url,
    };
    const runs = await Promise.all(
      Array.from({ length: 4 }, () => runCommand(["migrate"], { cwd: ROOT, env })),
    );
    const ended = { code: 0, stdout: "The database is up to date.\n", stderr: "" };
    expect(runs).toEqual([ended, ended, ended, ended]);
    const names: string[] = await recorded();
    // The command also applied the migrations of the features that are on.
    expect(names.filter((name) => !name.includes(":"))).toHaveLength(CORE.length);
    expect(new Set(names).size).toBe(names.length);
  }, 60_000);

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
      const database = await Database.open({ databaseUrl: old.url });
      open.push(database);
      expect(await database.migrate()).toEqual(SINCE_01);
      expect(await database.pendingChanges()).toBe("");
      expect(await old.sql("SELECT name FROM mikro_orm_migrations ORDER BY id")).toEqual(
        CORE.map((name) => ({ name })),
      );
      expect(await old.sql(`SELECT username FROM "user"`)).toEqual([{ username: "ada" }]);
      // The row does not say whether a login opened the session, so its user has to give the password again.
      const sessions = "SELECT id, authenticated_at FROM session";
      expect(await old.sql(sessions)).toEqual([{ id: "2", authenticated_at: null }]);
      expect(await (await openWith()).migrate()).toEqual(CORE);
      expect(await recorded()).toEqual(CORE);
      expect(await schema()).toEqual(await schema(old));
    } finally {
      await Promise.all(open.splice(0).map((database) => database.close()));
      await old.drop();
    }
  });

  test("the core's tables are those of its entities, and no others", async () => {
    const database = await openWith();
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
    const database = await openWith(notes);
    expect(await database.migrate()).toEqual([...CORE, "notes:2026-11-26-first"]);
    expect(await database.migrate()).toEqual([]);
    expect(await recorded()).toEqual([...CORE, "notes:2026-11-26-first"]);
    expect(await tables()).toContain("note");
  });

  test("two features may give their migrations the same name", async () => {
    const database = await openWith(notes, labels);
    const names = ["notes:2026-11-26-first", "labels:2026-11-26-first"];
    expect(await database.migrate()).toEqual([...CORE, ...names]);
    expect(await tables()).toEqual(expect.arrayContaining(["note", "label"]));
  });

  test("a feature that is switched on later is migrated at that start", async () => {
    await (await openWith()).migrate();
    expect(await (await openWith(labels)).migrate()).toEqual(["labels:2026-11-26-first"]);
  });

  test("a feature that is switched off or removed leaves its tables, and the server still starts", async () => {
    await (await openWith(notes, labels)).migrate();
    const without = await openWith(labels);
    expect(await without.migrate()).toEqual([]);
    await record("removed:2026-11-26-first");
    expect(await without.migrate()).toEqual([]);
    expect(await tables()).toContain("note");
  });

  test("tables that no entity describes need no change", async () => {
    const database = await openWith(notes);
    await database.migrate();
    expect(await database.pendingChanges()).toBe("");
    const without = await openWith();
    expect(await without.pendingChanges()).toBe("");
  });

  test.each(["2999-01-01-later", "notes:2999-01-01-later"])(
    "a database with the unknown migration %s counts as that of a newer version, and is refused",
    async (name) => {
      const database = await openWith(notes);
      await database.migrate();
      await record(name);
      await expect(database.migrate()).rejects.toThrow(
        `A newer version wrote this database: the migration ${name} is unknown.`,
      );
    },
  );

  test("a wrong statement of a feature fails at the start, and the error names the feature", async () => {
    const statements = [`create tabel "wrong" ("id" text)`];
    const database = await openWith(notes, {
      name: "typos",
      migrations: [{ name: "2026-11-26-first", statements }],
    });
    const began = performance.now();
    await expect(database.migrate()).rejects.toThrow(
      /^The migration 2026-11-26-first of the feature typos cannot be applied: .*tabel[^\n]*$/,
    );
    expect(performance.now() - began).toBeLessThan(1500);
    expect(await tables()).not.toContain("note");
  });
});
