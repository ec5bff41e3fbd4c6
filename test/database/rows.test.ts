import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { Database } from "../../src/database/database.js";
import { insertRows, runWithPairs, selectIn } from "../../src/database/rows.js";
import { createDatabase, DATABASES, type TestDatabase } from "../support/databases.js";

/** More rows than one statement has, and not a multiple of it. */
const ROWS = 1100;
const ids = Array.from({ length: ROWS }, (_, index) => `note${index}`);

describe.each(DATABASES)("many rows over %s", (kind) => {
  let created: TestDatabase;
  let database: Database;

  beforeAll(async () => {
    created = await createDatabase(kind);
    database = await Database.open({ databaseUrl: created.url });
    await database.write("CREATE TABLE note (id text PRIMARY KEY, size integer)", []);
  });
  beforeEach(async () => {
    await database.write("DELETE FROM note", []);
  });
  afterAll(async () => {
    await database.close();
    await created.drop();
  });

  const insert = (rows: readonly [string, number][], onConflict?: string) =>
    insertRows(database.write, {
      table: "note",
      columns: ["id", "size"],
      rows,
      ...(onConflict !== undefined && { onConflict }),
    });
  const stored = async () =>
    (await created.sql("SELECT id, size FROM note")).sort((a, b) => a.size - b.size);

  test("are all inserted, and counted", async () => {
    expect(await insert(ids.map((id, index) => [id, index]))).toBe(ROWS);
    expect(await stored()).toEqual(ids.map((id, size) => ({ id, size })));
  });

  test("that exist already are handled as the statement says, and not counted", async () => {
    await insert([["note1", 1]]);
    const rows = ids.map((id): [string, number] => [id, 7]);
    expect(await insert(rows, "ON CONFLICT (id) DO NOTHING")).toBe(ROWS - 1);
    expect((await stored())[0]).toEqual({ id: "note1", size: 1 });
    await expect(insert(rows)).rejects.toThrow(/unique/i);
  });

  test("can be none", async () => {
    expect(await insert([])).toBe(0);
    expect(await selectIn(database.readOnce, "SELECT id FROM note WHERE id IN", [])).toEqual([]);
  });

  test("are changed by a statement that has pairs", async () => {
    await insert(ids.map((id) => [id, 0]));
    await runWithPairs(
      database.write,
      ids.map((id, index) => [id, `${index}`]),
      "UPDATE note SET size = CAST(given.value AS integer) FROM given WHERE note.id = given.id",
    );
    expect(await stored()).toEqual(ids.map((id, size) => ({ id, size })));
  });

  test("are all found by their values", async () => {
    await insert(ids.map((id, index) => [id, index]));
    const statement = "SELECT id FROM note WHERE id IN";
    const found = await selectIn<{ id: string }>(database.readOnce, statement, ["x", ...ids]);
    expect(found.map(({ id }) => id).sort()).toEqual([...ids].sort());
  });
});
