import { mkdir, rm, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { Database } from "../../src/database/database.js";
import type { Clock } from "../../src/database/database-clock.js";
import { UNFINISHED_COPY } from "../../src/database/migrations/unfinished-copy.js";
import { createDatabase, DATABASES, type TestDatabase } from "../support/databases.js";
import { recordStatements } from "../support/statements.js";

const notes = {
  name: "notes",
  migrations: [{ name: "1", statements: [`create table "note" ("id" text primary key)`] }],
};

describe.each(DATABASES)("over %s", (kind) => {
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

  async function openWith(
    features: Parameters<typeof Database.open>[1] = [],
    settings: { createDatabase?: boolean } = {},
  ): Promise<Database> {
    const database = await Database.open({ databaseUrl: home.url, ...settings }, features);
    open.push(database);
    return database;
  }

  test("an empty database gets its tables only if the settings allow it", async () => {
    await (await openWith()).close();
    await expect((await openWith([], { createDatabase: false })).migrate()).rejects.toThrow(
      /^The database has no tables of Gatehouse\. Check the path\. If the database is new/,
    );
    expect(await (await openWith()).migrate()).not.toEqual([]);
    expect(await (await openWith([], { createDatabase: false })).migrate()).toEqual([]);
  });

  test("a copy that is not complete is refused, except by the copy itself", async () => {
    const copy = await openWith([UNFINISHED_COPY]);
    expect(await copy.migrate()).toContain("copy-database:unfinished");
    const refusal =
      "This database is a copy that is not complete. Run `gatehouse copy-database` again.";
    await expect((await openWith()).migrate()).rejects.toThrow(refusal);
    expect(await copy.migrate()).toEqual([]);
  });

  test("the migrations of a feature follow, are recorded under its name, and run once", async () => {
    const database = await openWith([notes]);
    expect((await database.migrate()).at(-1)).toBe("notes:1");
    expect(await database.migrate()).toEqual([]);
    await home.sql("INSERT INTO mikro_orm_migrations (name) VALUES ('other:1')");
    expect(await database.migrate()).toEqual([]);
    expect(await (await openWith()).migrate()).toEqual([]);
  });

  test.each(["2999-01-01-later", "notes:2"])(
    "a database with the unknown migration %s is refused",
    async (name) => {
      await (await openWith([notes])).migrate();
      await home.sql("INSERT INTO mikro_orm_migrations (name) VALUES (?)", [name]);
      await expect((await openWith([notes])).migrate()).rejects.toThrow(
        `A newer version wrote this database: the migration ${name} is unknown.`,
      );
    },
  );

  test("several servers that start at once apply each migration once", async () => {
    const databases = await Promise.all(Array.from({ length: 4 }, () => openWith([notes])));
    const applied = await Promise.all(databases.map((database) => database.migrate()));
    const names = (await home.sql("SELECT name FROM mikro_orm_migrations ORDER BY id")).map(
      ({ name }) => name,
    );
    expect(applied.flat()).toEqual(names);
    expect(new Set(names).size).toBe(names.length);
  });

  test("a migration that fails is named, and no migration is applied", async () => {
    const wrong = { name: "1", statements: [`insert into "a\n\nb" values (1)`] };
    const typos = { name: "typos", migrations: [wrong] };
    await expect((await openWith([notes, typos])).migrate()).rejects.toThrow(
      /^The migration 1 of the feature typos cannot be applied: [^\n]+a b"?[^\n]*$/,
    );
    await expect(home.sql("SELECT * FROM note")).rejects.toThrow(/note/);
  });

  test("a migration of the core that fails is named, and the error has its cause", async () => {
    await home.sql("CREATE TABLE lease (id text)");
    const error: unknown = await (await openWith()).migrate().catch((thrown: unknown) => thrown);
    expect((error as Error).message).toMatch(
      /^The migration 2026-\d\d-\d\d-\S+ cannot be applied: /,
    );
    expect((error as Error).cause).toMatchObject({ message: expect.any(String) });
  });

  test("a feature that is switched on later is migrated then, and each later start only reads", async () => {
    await (await openWith()).migrate();
    const database = await openWith([notes]);
    expect(await database.migrate()).toEqual(["notes:1"]);
    expect(await recordStatements(() => database.migrate())).toHaveLength(1);
  });

  test("recorded migrations that cannot be read are an error, and not an empty database", async () => {
    await (await openWith()).migrate();
    await home.sql("ALTER TABLE mikro_orm_migrations RENAME COLUMN name TO title");
    const error: unknown = await (await openWith()).migrate().catch((thrown: unknown) => thrown);
    expect((error as Error).message).toMatch(/^The recorded migrations cannot be read: [^\n]+name/);
    expect((error as Error).cause).toMatchObject({ message: expect.any(String) });
  });

  test("the schema matches the entities only after the migrations", async () => {
    const database = await openWith();
    expect(await database.pendingChanges()).toMatch(/create table/i);
    await database.migrate();
    expect(await database.pendingChanges()).toBe("");
    await database.write("CREATE TABLE note (id text)", []);
    expect(await database.pendingChanges()).toBe("");
    expect(await (await openWith([notes])).pendingChanges()).toBe("");
    const loadEntities = async () =>
      Object.values(await import("../../src/features/passkeys/passkey.entity.js"));
    const withPasskeys = await openWith([{ name: "passkeys", loadEntities }]);
    expect(await withPasskeys.pendingChanges()).toMatch(/create table .passkey/i);
  });

  test("the clock shows the time, until it is closed", async () => {
    const database = await openWith();
    const warnings: Error[] = [];
    const onWarning = (warning: Error) => warnings.push(warning);
    let clock!: Clock;
    const statements = await recordStatements(async () => {
      clock = await database.startClock({ leeway: 60, onWarning });
    });
    // SQLite has no server, so its clock is this machine's.
    expect(statements).toHaveLength(kind === "sqlite" ? 0 : 1);
    expect(Math.abs(clock.now() - Date.now())).toBeLessThan(1000);
    expect(Number.isInteger(clock.now())).toBe(true);
    const closing = clock.close();
    expect(closing).toBeInstanceOf(Promise);
    await closing;
    expect(warnings).toEqual([]);
  });
});

describe("a SQLite file that cannot be used is refused in one line:", () => {
  let home: TestDatabase;
  let path: string;

  beforeEach(async () => {
    home = await createDatabase("sqlite");
    path = home.url.slice("sqlite:".length);
  });
  afterEach(() => home.drop());

  const faultOf = async (settings = {}) =>
    Database.open({ databaseUrl: home.url, ...settings }).then(
      async (database) => {
        await database.close();
        return "It opened.";
      },
      (error: unknown) => (error as Error).message,
    );

  test("it is missing, and may not be created", async () => {
    expect(await faultOf({ createDatabase: false })).toMatch(
      /^The database file \S+ does not exist\. Check the path\. If the database is new, create it/,
    );
    expect(await faultOf({ createDatabase: true })).toBe("It opened.");
    expect(await faultOf({ createDatabase: false })).toBe("It opened.");
  });

  test("its name is that of a folder", async () => {
    await mkdir(path);
    expect(await faultOf()).toMatch(/^The database file \S+ cannot be used \(SQLITE_[A-Z]+\)\.$/);
  });

  test("its folder is a file", async () => {
    await writeFile(path, "");
    const databaseUrl = `${home.url}/gate.sqlite`;
    expect(await faultOf({ databaseUrl })).toBe(
      `The database file ${path}/gate.sqlite cannot be created or written (EEXIST).`,
    );
  });

  test("the error has that of SQLite or of the system as its cause", async () => {
    const open = (databaseUrl = home.url) => Database.open({ databaseUrl });
    await mkdir(path);
    await expect(open()).rejects.toMatchObject({
      cause: { code: expect.stringMatching(/^SQLITE_/) },
    });
    await rm(path, { recursive: true });
    await writeFile(path, "not a database, but longer than the header of one: ".repeat(10));
    await expect(open()).rejects.toMatchObject({ cause: { code: "SQLITE_NOTADB" } });
    await expect(open(`${home.url}/gate.sqlite`)).rejects.toMatchObject({
      cause: { code: "EEXIST" },
    });
  });

  test("it is not a database", async () => {
    await writeFile(path, "not a database, but longer than the header of one: ".repeat(10));
    expect(await faultOf()).toBe(`The file ${path} is not an SQLite database.`);
  });
});
