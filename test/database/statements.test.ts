import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { Database } from "../../src/database/database.js";
import { ServiceUnavailable } from "../../src/errors.js";
import { type RunStatement, type Sql, withChecks } from "../../src/sql.js";
import { createDatabase, DATABASES, type TestDatabase } from "../support/databases.js";

describe.each(DATABASES)("the statements of a feature over %s", (kind) => {
  let created: TestDatabase;
  let database: Database;
  let sql: Sql;

  beforeAll(async () => {
    created = await createDatabase(kind);
    database = await Database.open({ databaseUrl: created.url });
    await database.migrate();
    sql = withChecks(database);
    await database.write("CREATE TABLE note (id text PRIMARY KEY)", []);
  });

  afterAll(async () => {
    await database.close();
    await created.drop();
  });

  const INSERT = "INSERT INTO note (id) VALUES (?) RETURNING id";

  test("run, and return their rows", async () => {
    expect(await sql.write(INSERT, ["a"])).toEqual([{ id: "a" }]);
    expect(await sql.writeExclusive(INSERT, ["b"])).toEqual([{ id: "b" }]);
    expect(await sql.read("SELECT id FROM note WHERE id = ?", ["a"])).toEqual([{ id: "a" }]);
    expect(await sql.readOnce("SELECT id FROM note WHERE id > ?", ["a"])).toEqual([{ id: "b" }]);
  });

  test.each([[[]], [["c", "d"]]])(
    "are refused with a wrong number of parameters: %j",
    async (given) => {
      const message = `The statement has 1 parameters, but got ${given.length}: ${INSERT}`;
      await expect(sql.write(INSERT, given)).rejects.toEqual(new TypeError(message));
      await expect(sql.writeExclusive(INSERT, given)).rejects.toEqual(new TypeError(message));
    },
  );

  test.each([undefined, new Date(0), {}, 1n])(
    "are refused with a parameter that binds differently on each database: %p",
    async (value) => {
      const wrong = [value] as unknown as string[];
      await expect(sql.write(INSERT, wrong)).rejects.toThrow(/^Parameter 1 must be a string/);
      await expect(sql.read("SELECT ? AS a", wrong)).rejects.toBeInstanceOf(TypeError);
    },
  );

  test("are refused if they write in place of a read", async () => {
    await expect(sql.read(INSERT, ["e"])).rejects.toThrow("Use sql.write.");
    await expect(sql.readOnce(INSERT, ["e"])).rejects.toThrow("Use sql.write.");
    expect(await sql.read("SELECT id FROM note WHERE id = ?", ["e"])).toEqual([]);
  });

  test("work as soon as their table exists, although the same statement failed before", async () => {
    const read = "SELECT id FROM later WHERE id = ?";
    const insert = "INSERT INTO later (id) VALUES (?) RETURNING id";
    await expect(sql.read(read, ["a"])).rejects.toThrow("later");
    await expect(sql.write(insert, ["a"])).rejects.toThrow("later");
    await database.write("CREATE TABLE later (id text PRIMARY KEY)", []);
    expect(await sql.write(insert, ["a"])).toEqual([{ id: "a" }]);
    expect(await sql.read(read, ["a"])).toEqual([{ id: "a" }]);
  });

  test("are durable once they have run, and wait at most 2 seconds for a read and 5 for a write", async () => {
    const settingsOf = async (run: RunStatement, names: string[]) => {
      const values = [];
      for (const name of names) {
        const show = kind === "sqlite" ? "PRAGMA" : "SHOW";
        const [row] = await run<Record<string, unknown>>(`${show} ${name}`, []);
        values.push(...Object.values(row ?? {}));
      }
      return values;
    };
    if (kind === "sqlite") {
      // The value 2 of `synchronous` is FULL, which survives a power failure.
      const names = ["synchronous", "journal_mode", "foreign_keys", "busy_timeout"];
      expect(await settingsOf(database.write, names)).toEqual([2, "wal", 1, 5000]);
      expect(await settingsOf(database.read, ["busy_timeout"])).toEqual([2000]);
    } else {
      expect(await settingsOf(database.read, ["statement_timeout"])).toEqual(["4s"]);
    }
  });

  test("with a mistake do not count as an outage of the database", async () => {
    const mistakes =
      kind === "sqlite" ? database.read(INSERT, ["f"]) : database.read("SELECT ? AS a", []);
    await expect(mistakes).rejects.not.toBeInstanceOf(ServiceUnavailable);
  });
});
