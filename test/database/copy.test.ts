import { expect, jest, test } from "@jest/globals";
import sqlite3 from "sqlite3";
import { describePostgres } from "../support/databases.js";
import { eventually } from "../support/eventually.js";
import { recordStatements } from "../support/statements.js";
import { BOOKS, FEATURES, FIRST_PAGE, setUpCopying, visits } from "./copying.js";

type Prepare = (sql: string, ...rest: unknown[]) => sqlite3.Statement;

describePostgres("a copy of a SQLite database to PostgreSQL", () => {
  const copying = setUpCopying();

  test("has every row and value, and its progress is shown", async () => {
    await copying.addBooks();
    await copying.source.sql(
      `UPDATE book SET copies = 9007199254740993, is_read = 1, notes = '{"a":"ü"}', cover = x'00ff' WHERE id = 'book1'`,
    );
    await copying.source.sql("UPDATE book SET is_read = 0 WHERE id = 'book2'");
    await copying.source.sql(
      "INSERT INTO visit VALUES ('1', '2026-11-27 12:00', 0.1), ('2', NULL, 1e300)",
    );
    expect(await copying.copy()).toMatchObject({ book: BOOKS, writer: 2, visit: 2 });
    expect(
      await copying.target.sql(
        `SELECT copies::text, is_read AS read, notes::text, cover::text, "title length" AS length
         FROM book WHERE id IN ('book1', 'book2', 'book3') ORDER BY id`,
      ),
    ).toEqual([
      { copies: "9007199254740993", read: true, notes: '{"a":"ü"}', cover: "\\x00ff", length: 5 },
      { copies: "2", read: false, notes: null, cover: null, length: 5 },
      { copies: "3", read: null, notes: null, cover: null, length: 5 },
    ]);
    expect(await copying.target.sql("SELECT id, at::text, hours FROM visit ORDER BY id")).toEqual([
      { id: "1", at: "2026-11-27 12:00:00", hours: 0.1 },
      { id: "2", at: null, hours: 1e300 },
    ]);
    for (const step of ["Copy", "Compare"]) {
      expect(copying.shown).toContain(`\x1b[K${step} book: 0 of 5,500`);
      expect(copying.shown).toContain(`\x1b[K${step} book: 5,500 of 5,500`);
    }
    expect(copying.printed).toEqual([]);
    await expect(copying.copy()).rejects.toThrow(
      /The database postgresql:\S+ is not empty: it has the table book\. Name an empty database/,
    );
  });

  test("reads each page of a table once, and nothing after the last", async () => {
    await copying.addBooks();
    const statements = await recordStatements(() => copying.copy());
    const pages = statements.filter((text) => /^SELECT rowid .* FROM "book"/s.test(text));
    expect(pages).toHaveLength(Math.ceil(BOOKS / FIRST_PAGE));
  });

  test("is complete even if the lock of the source cannot be released as usual", async () => {
    const original: Prepare = Reflect.get(sqlite3.Database.prototype, "prepare");
    const prepare = jest.spyOn(sqlite3.Database.prototype, "prepare");
    prepare.mockImplementation(function (this: sqlite3.Database, sql, ...rest) {
      return original.call(this, sql === "COMMIT" ? "COMMIT wrongly" : sql, ...rest);
    });
    try {
      expect(await copying.copy()).toMatchObject({ user: 0 });
      expect(prepare.mock.calls.flat()).toContain("COMMIT");
    } finally {
      jest.restoreAllMocks();
    }
  });

  test("leaves no file and no connection open, whether it succeeds or not", async () => {
    await copying.copy();
    expect(await copying.openFiles()).toEqual([]);
    await eventually(async () => (await copying.countConnections()) === 0);
    await expect(copying.copy()).rejects.toThrow("is not empty");
    expect(await copying.openFiles()).toEqual([]);
    await eventually(async () => (await copying.countConnections()) === 0);
  });

  test("leaves out tables that are not Gatehouse's, and creates a missing schema", async () => {
    await copying.source.sql("CREATE TABLE other (id)");
    expect(await copying.copy(FEATURES, "auth")).not.toHaveProperty("other");
    expect(copying.printed).toEqual([
      "Created the schema auth.",
      "The table other is not copied, because it is not Gatehouse's.",
    ]);
  });

  test("has only the tables of the features that the source has", async () => {
    const later = {
      ...visits,
      name: "later",
      migrations: [{ name: "1", statements: [`create table "later" ("id" text primary key)`] }],
    };
    expect(await copying.copy([...FEATURES, later])).not.toHaveProperty("later");
    await expect(copying.count("later")).rejects.toThrow("does not exist");
  });
});
