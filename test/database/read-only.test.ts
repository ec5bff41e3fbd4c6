import { mkdir, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { openReadOnly } from "../../src/database/open-read-only.js";
import type { ReadOnlyDatabase } from "../../src/database/read-only.js";
import { DATABASES } from "../support/databases.js";
import { eventually } from "../support/eventually.js";
import { setUpFreshDatabase } from "../support/fresh-database.js";
import { OTHER_CONNECTIONS } from "../support/postgresql.js";

describe.each(DATABASES)("another application's database over %s", (kind) => {
  const fresh = setUpFreshDatabase(kind);
  let database: ReadOnlyDatabase;

  beforeEach(async () => {
    await fresh.sql(`CREATE TABLE "a ""note""" (id bigint, "on" text, size integer)`);
    await fresh.sql(`INSERT INTO "a ""note""" VALUES (9007199254740, 'x', NULL)`);
    await fresh.sql(`CREATE TABLE book (id bigint, "on" text)`);
    await fresh.sql(`CREATE TABLE card (id bigint)`);
    database = await openReadOnly(fresh.url);
  });
  afterEach(() => database.close());

  test("is read as text", async () => {
    const table = database.quote('a "note"');
    expect(await database.query(`SELECT * FROM ${table}`)).toEqual([
      { id: "9007199254740", on: "x", size: null },
    ]);
    const where = `SELECT size FROM ${table} WHERE "on" = ? AND "on" <> ?`;
    expect(await database.query(where, ["x", "y"])).toEqual([{ size: null }]);
  });

  test("names its columns and tables", async () => {
    const columns = await database.query(database.columnsOf, ['a "note"']);
    expect(columns.map(({ name }) => name)).toEqual(["id", "on", "size"]);
    expect(await database.query(database.columnsOf, ["none"])).toEqual([]);
    const tables = await database.query(database.tablesWith, ["on"]);
    expect(tables).toEqual([{ name: 'a "note"' }, { name: "book" }]);
  });

  test("is never written", async () => {
    await expect(database.query("INSERT INTO book (id) VALUES (1)")).rejects.toThrow(/read.?only/);
  });

  test("is free after it was closed", async () => {
    await database.query("SELECT * FROM book");
    await database.close();
    await expect(database.query("SELECT * FROM card")).rejects.toThrow();
    database = await openReadOnly(fresh.url);
    if (kind === "sqlite") return;
    // PostgreSQL may still list the closed connection for a moment.
    await eventually(async () => (await fresh.sql(`SELECT pid ${OTHER_CONNECTIONS}`)).length === 1);
  });

  if (kind === "postgresql") {
    test("shows the same rows until it is closed", async () => {
      expect(await database.query("SELECT * FROM book")).toEqual([]);
      await fresh.sql("INSERT INTO book VALUES (1, NULL)");
      expect(await database.query("SELECT * FROM book")).toEqual([]);
    });

    test("that does not exist is refused in one line", async () => {
      const url = Object.assign(new URL(fresh.url), { pathname: "/no_such_gate" });
      await expect(openReadOnly(url.href)).rejects.toThrow(
        /^The database no_such_gate does not exist\.$/,
      );
      url.port = "1";
      await expect(openReadOnly(url.href)).rejects.toMatchObject({
        cause: { code: "ECONNREFUSED" },
      });
      await expect(openReadOnly(url.href)).rejects.toThrow(
        /^No database server listens on \S+:1: connect ECONNREFUSED/,
      );
    });
  }
});

describe("a SQLite file of another application is refused in one line:", () => {
  const fresh = setUpFreshDatabase("sqlite");

  const expectFault = (fault: string) =>
    expect(openReadOnly(fresh.url)).rejects.toEqual(new Error(`The file ${fresh.path} ${fault}.`));

  test("it does not exist", async () => {
    await expectFault("does not exist");
  });

  test("it is a folder", async () => {
    await mkdir(fresh.path);
    await expect(openReadOnly(fresh.url)).rejects.toThrow(
      /^The file \S+ cannot be read \(SQLITE_[A-Z]+\)\.$/,
    );
  });

  test("the error has that of SQLite as its cause", async () => {
    await mkdir(fresh.path);
    await expect(openReadOnly(fresh.url)).rejects.toMatchObject({
      cause: { code: expect.stringMatching(/^SQLITE_/) },
    });
  });

  test("it is not a database", async () => {
    await writeFile(fresh.path, "not a database, but longer than the header of one: ".repeat(10));
    await expectFault("is not an SQLite database");
  });
});
