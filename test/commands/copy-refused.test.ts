import { randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { type CommandFolder, expectOneLine, setUpFolders } from "../support/command.js";
import { createDatabase, describePostgres, type TestDatabase } from "../support/databases.js";
import { POSTGRES_URL, runPostgres } from "../support/postgresql.js";

/** In milliseconds. Long, because several processes start one after the other. */
const TIMEOUT = 240_000;
const SOURCE = "sqlite:data/gatehouse.sqlite";

const NOTES = `export const notes = { name: "notes", create: () => ({}), migrations: [{ name: "1", statements: [
  'create table "note" ("id" text not null primary key, "number" bigint null, "is_read" boolean null, "body" json null, "at" timestamp null, "size" double precision null, "note id" text null)',
] }] };`;

const folders = setUpFolders();
const migrated = folders.after((folder) => folder.run(["migrate"]));
const withNotes = folders.after(async (folder) => {
  await writeFile(join(folder.path, "package.json"), "{}");
  await writeFile(join(folder.path, "notes.mjs"), NOTES);
  await folder.run(["migrate"], { env: { FEATURES: "./notes.mjs" } });
});

describePostgres("gatehouse copy-database", () => {
  let target: TestDatabase;
  beforeEach(async () => {
    target = await createDatabase("postgresql");
  });
  afterEach(() => target.drop());

  const copy = (folder: CommandFolder, env = {}, to = target.url, from = SOURCE) =>
    folder.run(["copy-database", "--from", from, "--to", to], { env });

  const tables = () =>
    target.sql("SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'");

  async function expectRefused(folder: CommandFolder, line: RegExp, env = {}): Promise<void> {
    expectOneLine(await copy(folder, env), line);
    expect(await tables()).toEqual([]);
  }

  describe("refuses in one line, and writes nothing:", () => {
    test.each([
      ["no target", ["--from", SOURCE], /required option '--to <url>' not specified$/m],
      ["no source", ["--to", "postgresql://127.0.0.1/x"], /required option '--from <url>'/],
      [
        "a target in SQLite",
        ["--from", SOURCE, "--to", "sqlite:other.sqlite"],
        /PATH --to postgre/,
      ],
      [
        "a source in PostgreSQL",
        ["--from", "postgresql://127.0.0.1/x", "--to", "postgresql://127.0.0.1/y"],
        /--from sqlite:PATH --to postgresql:\/\/… only\.$/m,
      ],
      [
        "a malformed target",
        ["--from", SOURCE, "--to", "postgresql://u:canary@127.0.0.1/x?sslmode=on"],
        /^gatehouse: --to: (?!.*canary)/,
      ],
    ])("%s", async (_what, parameters, line) => {
      const folder = await folders.empty();
      expectOneLine(await folder.run(["copy-database", ...parameters]), line);
      expect(await folder.files()).toEqual([]);
    });

    test("a source that does not exist", async () => {
      const folder = await folders.empty();
      await expectRefused(folder, /^gatehouse: The file .*gatehouse\.sqlite does not exist\.$/m);
      expect(await folder.files()).toEqual([]);
    });

    test("a source that is not a database, or that is empty", async () => {
      const folder = await folders.empty();
      await mkdir(join(folder.path, "data"));
      const path = join(folder.path, "data/gatehouse.sqlite");
      await writeFile(path, "not a database, but longer than the header of one: ".repeat(10));
      await expectRefused(folder, /gatehouse\.sqlite is not an SQLite database\.$/m);
      await writeFile(path, "");
      await expectRefused(folder, /gatehouse\.sqlite has no tables of Gatehouse\.$/m);
    });

    test("the database of another program, which stays as it is", async () => {
      const folder = await folders.empty();
      await mkdir(join(folder.path, "data"));
      await folder.sql("CREATE TABLE note (id)");
      const path = join(folder.path, "data/gatehouse.sqlite");
      const before = await readFile(path);
      await expectRefused(folder, /gatehouse\.sqlite has no tables of Gatehouse\.$/m);
      expect((await readFile(path)).equals(before)).toBe(true);
    });

    test("a source of a newer or an older version", async () => {
      const folder = await migrated();
      await folder.sql("INSERT INTO mikro_orm_migrations (name) VALUES ('2099-01-01-new')");
      await expectRefused(folder, /A newer version wrote .* 2099-01-01-new is unknown\.$/m);
      await folder.sql(
        "DELETE FROM mikro_orm_migrations WHERE name IN ('2099-01-01-new', '2026-11-28-session-impersonator')",
      );
      await expectRefused(folder, /older version .* Run `gatehouse migrate --database sqlite:/);
    });

    test("the tables of a feature that is not loaded", async () => {
      await expectRefused(await withNotes(), /has tables of the feature notes\. Set FEATURES/);
    });

    test("a table with a column that the migrations do not create", async () => {
      const folder = await migrated();
      await folder.sql(`ALTER TABLE "user" ADD COLUMN nickname text`);
      expectOneLine(await copy(folder), /The table user has other columns .*nickname/);
    });

    test(
      "a target with other tables, with a complete copy, or that cannot be used",
      async () => {
        const folder = await migrated();
        await target.sql("CREATE TABLE note (id int)");
        expectOneLine(
          await copy(folder),
          /is not empty: it has the table note\. .*DATABASE_SCHEMA\.$/m,
        );
        expect(await tables()).toEqual([{ name: "note" }]);
        await target.sql("DROP TABLE note");
        expect((await copy(folder)).code).toBe(0);
        expectOneLine(await copy(folder), /is not empty: it has the table audit_event\./);
        const [to, role] = [new URL(target.url), `gate_${randomBytes(4).toString("hex")}`];
        await runPostgres(POSTGRES_URL, `CREATE ROLE ${role} LOGIN`);
        try {
          await target.sql("DROP SCHEMA public CASCADE");
          await target.sql("CREATE SCHEMA public");
          await target.sql("GRANT USAGE ON SCHEMA public TO PUBLIC");
          to.username = role;
          expectOneLine(await copy(folder, {}, to.href), /permission denied for schema public$/m);
          to.port = "1";
          expectOneLine(await copy(folder, {}, to.href), /No database server listens on 127/);
        } finally {
          await target.sql("DROP SCHEMA public CASCADE");
          await target.sql("CREATE SCHEMA public");
          await runPostgres(POSTGRES_URL, `DROP ROLE ${role}`);
        }
      },
      TIMEOUT,
    );
  });

  test(
    "creates a missing schema, and keeps the values of an application's own feature",
    async () => {
      const folder = await withNotes();
      await folder.sql("CREATE TABLE other (id)");
      await folder.sql(
        `INSERT INTO note VALUES ('1', 9007199254740993, 1, '{"a":"ü"}', '2026-11-27 12:00:00', 0.1, '?'),
         ('2', -1, 0, 'null', NULL, 1e300, ''), ('3', NULL, NULL, NULL, NULL, NULL, NULL)`,
      );
      const env = { FEATURES: "./notes.mjs", DATABASE_SCHEMA: "auth" };
      const { code, stdout, stderr } = await copy(folder, env);
      expect([code, stderr]).toEqual([
        0,
        "Created the schema auth.\nThe table other is not copied, because it is not Gatehouse's.\n",
      ]);
      expect(stdout).toMatch(/^note: 3 rows$/m);
      const rows = await target.sql(
        `SELECT number::text, is_read AS read, body::text, at::text, size, "note id" AS odd FROM auth.note ORDER BY id`,
      );
      expect(rows).toEqual([
        {
          number: "9007199254740993",
          read: true,
          body: '{"a":"ü"}',
          at: "2026-11-27 12:00:00",
          size: 0.1,
          odd: "?",
        },
        { number: "-1", read: false, body: "null", at: null, size: 1e300, odd: "" },
        { number: null, read: null, body: null, at: null, size: null, odd: null },
      ]);
    },
    TIMEOUT,
  );

  test("names the table whose values PostgreSQL refuses", async () => {
    const folder = await withNotes();
    await folder.sql("INSERT INTO note (id, number) VALUES ('1', 'many')");
    expectOneLine(
      await copy(folder, { FEATURES: "./notes.mjs" }),
      /The copy stopped at the table note: invalid input syntax for type bigint: "many"\.$/m,
    );
    await folder.sql("UPDATE note SET number = 1");
    expect((await copy(folder, { FEATURES: "./notes.mjs" })).code).toBe(0);
  });
});
