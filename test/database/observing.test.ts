import { beforeEach, describe, expect, test } from "@jest/globals";
import type { Database } from "../../src/database/database.js";
import { ServiceUnavailable } from "../../src/errors.js";
import type { StatementKind } from "../../src/sql.js";
import { DATABASES } from "../support/databases.js";
import { becomes } from "../support/eventually.js";
import { setUpFreshDatabase } from "../support/fresh-database.js";

type Observed = [kind: StatementKind, isUnavailable: boolean, statement: string | null];

describe.each(DATABASES)("over %s", (kind) => {
  const fresh = setUpFreshDatabase(kind);
  let database: Database;
  let observed: Observed[];
  let seconds: number[];

  beforeEach(async () => {
    database = await fresh.open([], { databasePoolSize: 2 });
    await database.migrate();
    await database.write("CREATE TABLE note (id text PRIMARY KEY)", []);
    [observed, seconds] = [[], []];
    database.observe((kind, duration, isUnavailable, statement) => {
      observed.push([kind, isUnavailable, statement]);
      seconds.push(duration);
    });
  });

  const READ = "SELECT id FROM note WHERE id = ?";
  const INSERT = "INSERT INTO note (id) VALUES (?) RETURNING id";

  test("each statement and transaction is observed by its kind, and still returns its rows", async () => {
    expect(await database.write(INSERT, ["a"])).toEqual([{ id: "a" }]);
    expect(await database.writeExclusive(INSERT, ["b"])).toEqual([{ id: "b" }]);
    expect(await database.read(READ, ["a"])).toEqual([{ id: "a" }]);
    expect(await database.readOnce(READ, ["b"])).toEqual([{ id: "b" }]);
    expect(await database.inTransaction((run) => run(INSERT, ["c"]))).toEqual([{ id: "c" }]);
    expect(await database.inSharedTransaction((run) => run(INSERT, ["d"]))).toEqual([{ id: "d" }]);
    expect(await database.inLongTransaction((run) => run(INSERT, ["e"]))).toEqual([{ id: "e" }]);
    expect(observed).toEqual([
      ["write", false, INSERT],
      ["exclusive", false, INSERT],
      ["read", false, READ],
      ["read", false, READ],
      ["transaction", false, null],
      ["transaction", false, null],
    ]);
  });

  test("the time is in seconds", async () => {
    const start = performance.now();
    await database.inTransaction(() => new Promise((resolve) => setTimeout(resolve, 50)));
    const [took = 0] = seconds;
    expect(took).toBeGreaterThan(0.04);
    expect(took).toBeLessThanOrEqual((performance.now() - start) / 1000);
  });

  test("an error of the statement is none of the database, but an outage is", async () => {
    await database.write(INSERT, ["a"]);
    await expect(database.write(INSERT, ["a"])).rejects.not.toBeInstanceOf(ServiceUnavailable);
    await database.close();
    await expect(database.read(READ, ["a"])).rejects.toBeInstanceOf(ServiceUnavailable);
    expect(observed).toEqual([
      ["write", false, INSERT],
      ["write", false, INSERT],
      ["read", true, READ],
    ]);
  });

  test("the connections are counted", async () => {
    const max = kind === "sqlite" ? 1 : 2;
    expect(database.connections).toMatchObject({ used: 0, max, waiting: 0 });
    let end: (value?: unknown) => void = () => undefined;
    const ended = new Promise((resolve) => (end = resolve));
    const running = Array.from({ length: 5 }, () => database.inSharedTransaction(() => ended));
    const full = { used: max, idle: 0, max, waiting: 5 - max };
    await becomes(() => Promise.resolve(database.connections), full);
    end();
    await Promise.all(running);
    expect(database.connections).toEqual({ used: 0, idle: max, max, waiting: 0 });
  });

  test("a transaction that fails changes nothing, and its error is kept unless it is an outage", async () => {
    const error = new ServiceUnavailable(7);
    for (const transact of [
      database.inTransaction,
      database.inSharedTransaction,
      database.inLongTransaction.bind(database),
    ]) {
      const failing = (fault: Error) =>
        transact(async (run) => {
          await run(INSERT, ["a"]);
          throw fault;
        });
      await expect(failing(error)).rejects.toBe(error);
      const cause = new Error("socket hang up");
      await expect(failing(cause)).rejects.toMatchObject({
        extensions: { code: "SERVICE_UNAVAILABLE", retryAfter: 1 },
        cause,
      });
      const twice = transact(async (run) => {
        await run(INSERT, ["a"]);
        await run(INSERT, ["a"]);
      });
      await expect(twice).rejects.not.toBeInstanceOf(ServiceUnavailable);
      expect(await database.read("SELECT id FROM note", [])).toEqual([]);
    }
  });
});
