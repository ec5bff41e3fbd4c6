import { beforeEach, expect, test } from "@jest/globals";
import type { Database } from "../../src/database/database.js";
import { Closed, ServiceUnavailable } from "../../src/errors.js";
import { setUpFreshDatabase } from "../support/fresh-database.js";

const WRITE = "UPDATE signing_key SET kid = kid RETURNING kid";

const fresh = setUpFreshDatabase("sqlite");
let database: Database;
/** How many statements have written. */
let writes: number;

beforeEach(async () => {
  database = await fresh.open();
  await database.migrate();
  database.observe((kind) => {
    if (kind === "write") writes += 1;
  });
  writes = 0;
});

const refuseWrites = () => database.write("PRAGMA query_only = ON", []);

/** Ends the refusal. The last write still is one that failed because of an outage. */
async function acceptWrites(): Promise<void> {
  await database.write("PRAGMA query_only = OFF", []);
  const lost = database.inTransaction(() => Promise.reject(new Error("The disk is gone.")));
  await expect(lost).rejects.toBeInstanceOf(ServiceUnavailable);
}

test("a database counts as writable without a check, also after a wrong statement", async () => {
  expect(await database.isWritable()).toBe(true);
  await expect(database.write("UPDATE nothing", [])).rejects.not.toBeInstanceOf(ServiceUnavailable);
  expect([await database.isWritable(), writes]).toEqual([true, 1]);
});

test.each<[string, () => Promise<unknown>]>([
  ["write", () => database.write(WRITE, [])],
  ["exclusive write", () => database.writeExclusive(WRITE, [])],
  ["transaction", () => database.inTransaction((run) => run(WRITE, []))],
  ["shared transaction", () => database.inSharedTransaction((run) => run(WRITE, []))],
])(
  "after a refused %s, checks write until one succeeds, and concurrent checks write once",
  async (_what, attempt) => {
    await refuseWrites();
    await expect(attempt()).rejects.toBeInstanceOf(ServiceUnavailable);
    writes = 0;
    const checks = await Promise.all(Array.from({ length: 5 }, () => database.isWritable()));
    expect([checks, writes]).toEqual([Array(5).fill(false), 1]);
    expect([await database.isWritable(), writes]).toEqual([false, 2]);
    expect(await database.isReadable()).toBe(true);
    await acceptWrites();
    writes = 0;
    expect([await database.isWritable(), writes]).toEqual([true, 1]);
    expect([await database.isWritable(), writes]).toEqual([true, 1]);
    await acceptWrites();
    writes = 0;
    expect([await database.isWritable(), writes]).toEqual([true, 1]);
  },
);

test("a write that succeeds or is wrong shows that the database accepts writes", async () => {
  for (const statement of [WRITE, "UPDATE nothing"]) {
    await acceptWrites();
    writes = 0;
    await database.write(statement, []).catch(() => undefined);
    expect([await database.isWritable(), writes]).toEqual([true, 1]);
  }
});

test("a write instead of a read is a mistake, and no outage", async () => {
  for (const read of [database.read, database.readOnce]) {
    await expect(read(WRITE, [])).rejects.toMatchObject({ code: "SQLITE_READONLY" });
  }
});

test.each([
  ["SQLITE_ERROR", "UPDATE nothing"],
  ["SQLITE_CONSTRAINT", "INSERT INTO lease (name) VALUES (NULL)"],
  ["SQLITE_MISMATCH", "INSERT INTO mikro_orm_migrations (id) VALUES ('x')"],
  ["SQLITE_RANGE", "SELECT 1", ["too many"]],
])("a mistake with the code %s is no outage", async (code, statement, parameters = []) => {
  await expect(database.write(statement, parameters)).rejects.toMatchObject({ code });
});

test("an error whose code is a number is not the database's, and counts as an outage", async () => {
  const error = Object.assign(new Error("It failed."), { code: 42_000 });
  const transaction = database.inTransaction(() => Promise.reject(error));
  await expect(transaction).rejects.toBeInstanceOf(ServiceUnavailable);
});

test("once closed, everything is refused, and the database is not readable", async () => {
  expect(await database.isReadable()).toBe(true);
  await database.close();
  const calls = [
    () => database.read(WRITE, []),
    () => database.readOnce(WRITE, []),
    () => database.write(WRITE, []),
    () => database.writeExclusive(WRITE, []),
    () => database.inTransaction(() => Promise.resolve()),
    () => database.inSharedTransaction(() => Promise.resolve()),
    () => database.inLongTransaction(() => Promise.resolve()),
  ];
  for (const call of calls) await expect(call()).rejects.toBeInstanceOf(Closed);
  expect(await database.isReadable()).toBe(false);
});
