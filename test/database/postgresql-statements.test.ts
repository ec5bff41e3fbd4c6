import { afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import pg, { type Client } from "pg";
import type { Database } from "../../src/database/database.js";
import { ServiceUnavailable } from "../../src/errors.js";
import { describePostgres } from "../support/databases.js";
import { setUpFreshDatabase } from "../support/fresh-database.js";
import { recordStatements } from "../support/statements.js";
import { lockPostgres } from "../support/locks.js";
import { OTHER_CONNECTIONS } from "../support/postgresql.js";

describePostgres("over postgresql", () => {
  const fresh = setUpFreshDatabase("postgresql");
  let database: Database;

  beforeEach(async () => {
    database = await openWith();
    await database.migrate();
  });
  afterEach(() => {
    jest.restoreAllMocks();
  });

  const openWith = (databasePoolSize = 1, query = "") =>
    fresh.open([], { databaseUrl: fresh.url + query, databasePoolSize });

  /** Returns a setting of the connection in milliseconds. */
  const SHOW = (name: string) =>
    `SELECT setting::int AS value FROM pg_settings WHERE name = '${name}'`;
  const read = (name: string) => database.read<{ value: number }>(SHOW(name), []);
  const write = (name: string) => database.write<{ value: number }>(SHOW(name), []);

  test("PostgreSQL itself ends statements and idle transactions in time", async () => {
    expect(await read("statement_timeout")).toEqual([{ value: 4000 }]);
    expect(await read("idle_in_transaction_session_timeout")).toEqual([{ value: 2000 }]);
    expect(await write("statement_timeout")).toEqual([{ value: 4000 }]);
  });

  /** Stops the monotonic clock. Returns the function that moves it to a number of milliseconds later. */
  function stopClock(): (later: number) => void {
    const start = Math.ceil(performance.now());
    let passed = 0;
    jest.spyOn(performance, "now").mockImplementation(() => start + passed);
    return (later) => (passed = later);
  }

  test("a write that waited for a connection has less time", async () => {
    const reading = database.read("SELECT pg_sleep(0.2)::text", []);
    await new Promise((resolve) => setTimeout(resolve, 50));
    const setClock = stopClock();
    const writing = Promise.all([
      write("statement_timeout"),
      database.inSharedTransaction((run) => run<{ value: number }>(SHOW("statement_timeout"), [])),
    ]);
    setClock(1100);
    expect(await writing).toEqual([[{ value: 3400 }], [{ value: 3400 }]]);
    await reading;
    // The next write has the usual time again.
    expect(await write("statement_timeout")).toEqual([{ value: 4000 }]);
  });

  test.each([
    [500, "SELECT 1"],
    [501, "BEGIN; SET LOCAL statement_timeout = 3999"],
    [4499.5, "BEGIN; SET LOCAL statement_timeout = 1"],
    [4500, undefined],
  ])("a write that waited %d ms for a connection sends %j first", async (waited, first) => {
    const reading = database.read("SELECT pg_sleep(0.2)::text", []);
    await new Promise((resolve) => setTimeout(resolve, 50));
    const setClock = stopClock();
    const statements = await recordStatements(async () => {
      const writing = database.write("SELECT 1", []).catch(() => undefined);
      setClock(waited);
      await writing;
    });
    await reading;
    expect(statements[0]).toBe(first);
  });

  test.each([
    [4499, ["BEGIN", "SELECT 1", "COMMIT"]],
    [4500, ["BEGIN", "SELECT 1"]],
  ])(
    "a transaction sends nothing in its last 500 ms, not even COMMIT: after %d ms",
    async (passed, expected) => {
      const setClock = stopClock();
      const statements = await recordStatements(async () => {
        const transaction = database.inSharedTransaction(async (run) => {
          await run("SELECT 1", []);
          setClock(passed);
        });
        await transaction.catch((error: unknown) => {
          expect(error).toBeInstanceOf(ServiceUnavailable);
        });
      });
      expect(statements).toEqual(expected);
    },
  );

  test.each(["0", "4001", "9s"])(
    "a write has its limit even if the URL sets statement_timeout to %s",
    async (timeout) => {
      database = await openWith(1, `?options=-c%20statement_timeout%3D${timeout}`);
      stopClock();
      expect(await write("statement_timeout")).toEqual([{ value: 4500 }]);
    },
  );

  test("a write keeps a shorter limit of the URL", async () => {
    database = await openWith(1, "?options=-c%20statement_timeout%3D4000");
    const statements = await recordStatements(() => write("statement_timeout"));
    expect(statements).toEqual([SHOW("statement_timeout")]);
  });

  test("a read that PostgreSQL ends because of its limit is an outage", async () => {
    database = await openWith(1, "?options=-c%20statement_timeout%3D1000");
    const reading = database.read("SELECT pg_sleep(10)::text", []);
    await expect(reading).rejects.toMatchObject({ cause: { code: "57014" } });
  });

  test("a long transaction has no limit, except for locks", async () => {
    const values = await database.inLongTransaction(async (run) => {
      const found = [];
      for (const name of [
        "statement_timeout",
        "idle_in_transaction_session_timeout",
        "lock_timeout",
      ]) {
        found.push(...(await run<{ value: number }>(SHOW(name), [])));
      }
      return found.map(({ value }) => value);
    });
    expect(values).toEqual([0, 0, 4000]);
    expect(await read("statement_timeout")).toEqual([{ value: 4000 }]);
    expect(await read("lock_timeout")).toEqual([{ value: 0 }]);
  });

  describe("a long transaction", () => {
    const CREATE = 'create table if not exists "mikro_orm_migrations"';
    const errorOf = (code: string) =>
      Object.assign(new Error("It failed."), { code, severity: "ERROR" });

    /** Lets the first statement that creates the table of migrations fail. Returns how often it is sent. */
    function failToCreate(error: Error): () => number {
      const original: Client["query"] = Reflect.get(pg.Client.prototype, "query");
      let count = 0;
      const replacement: Client["query"] = function (this: Client, query, values) {
        const isCreate = typeof query !== "string" && query.text.startsWith(CREATE);
        if (isCreate && (count += 1) === 1) return Promise.reject(error);
        return original.call(this, query, values);
      };
      jest.spyOn(pg.Client.prototype, "query").mockImplementation(replacement);
      return () => count;
    }

    test.each(["42P07", "23505"])(
      "begins again if another process has just created the table of migrations, with the error %s",
      async (code) => {
        const count = failToCreate(errorOf(code));
        expect(await database.inLongTransaction((run) => run("SELECT 1 AS one", []))).toEqual([
          { one: 1 },
        ]);
        expect(count()).toBe(2);
      },
    );

    test("does not begin again after another error, or if its own statement has that error", async () => {
      const error = errorOf("42501");
      const count = failToCreate(error);
      await expect(database.inLongTransaction((run) => run("SELECT 1", []))).rejects.toBe(error);
      expect(count()).toBe(1);
      const own = errorOf("42P07");
      await expect(database.inLongTransaction(() => Promise.reject(own))).rejects.toBe(own);
      expect(count()).toBe(2);
    });
  });

  test("the clock of the server counts, and not that of this machine", async () => {
    const time = Date.now();
    jest.spyOn(Date, "now").mockReturnValue(0);
    const clock = await database.startClock({ leeway: 60, onWarning: () => undefined });
    expect(Math.abs(clock.now() - time)).toBeLessThan(60_000);
    await clock.close();
  });

  test("statements stay prepared on their connection, except for those that run once", async () => {
    const prepared = async () => {
      const found = "SELECT statement FROM pg_prepared_statements ORDER BY statement";
      return (await database.readOnce<{ statement: string }>(found, [])).map(
        ({ statement }) => statement,
      );
    };
    await database.read("SELECT 1 AS read", []);
    await database.read("SELECT 1 AS read", []);
    await database.readOnce("SELECT 2 AS once", []);
    await database.write("SELECT 3 AS write", []);
    await database.inTransaction((run) => run("SELECT 4 AS exclusive", []));
    await database.inSharedTransaction((run) => run("SELECT 5 AS shared", []));
    expect(await prepared()).toEqual([
      "SELECT 1 AS read",
      "SELECT 3 AS write",
      "SELECT 5 AS shared",
    ]);
    // PostgreSQL cuts off names after 63 characters.
    const longest = "SELECT max(length(name)) AS length FROM pg_prepared_statements";
    const [row] = await database.readOnce<{ length: number }>(longest, []);
    expect(row?.length).toBeLessThan(63);
  });

  test("a statement whose row has just been deleted runs again, once", async () => {
    await database.write("CREATE TABLE shelf (id text PRIMARY KEY)", []);
    await database.write("CREATE TABLE book (shelf text REFERENCES shelf (id))", []);
    const insert = "INSERT INTO book (shelf) VALUES (?) RETURNING shelf";
    for (const run of [database.write, database.writeExclusive]) {
      const statements = await recordStatements(() =>
        expect(run(insert, ["none"])).rejects.toMatchObject({ code: "23503" }),
      );
      expect(statements.filter((text) => text.startsWith("INSERT"))).toHaveLength(2);
      const others = await recordStatements(() => run("SELECT nothing", []).catch(() => undefined));
      expect(others.filter((text) => text === "SELECT nothing")).toHaveLength(1);
    }
  });

  test("exclusive writes and transactions run one at a time, and others do not wait for them", async () => {
    const release = await lockPostgres("SELECT id FROM mikro_orm_migrations FOR UPDATE")({
      databaseUrl: fresh.url,
      databasePath: "",
    });
    database = await openWith(4);
    let ended = 0;
    const waiting = [
      database.writeExclusive("SELECT 1", []),
      database.inTransaction((run) => run("SELECT 1", [])),
      database.inLongTransaction((run) => run("SELECT 1", [])),
    ].map((running) => running.finally(() => (ended += 1)));
    await database.write("SELECT 1", []);
    await database.inSharedTransaction((run) => run("SELECT 1", []));
    expect(ended).toBe(0);
    await release();
    await Promise.all(waiting);
  });

  test("integers are numbers, booleans are true or false, and all others are text", async () => {
    expect(
      await database.read(
        "SELECT 1::int2 AS a, 2::int4 AS b, 3::int8 AS c, true AS d, false AS e, 1.5::numeric AS f, '{}'::jsonb AS g, NULL AS h",
        [],
      ),
    ).toEqual([{ a: 1, b: 2, c: 3, d: true, e: false, f: "1.5", g: "{}", h: null }]);
  });

  test.each(["25006", "57P01"])(
    "after the error %s, the connection is not used again",
    async (code) => {
      const pid = async () => (await database.read("SELECT pg_backend_pid() AS pid", []))[0];
      const before = await pid();
      const [fails, kind] =
        code === "25006"
          ? [() => database.inSharedTransaction(readOnly), ServiceUnavailable]
          : [() => database.read("SELECT pg_terminate_backend(pg_backend_pid())::text", []), Error];
      await expect(fails()).rejects.toBeInstanceOf(kind);
      expect(await pid()).not.toEqual(before);
    },
  );

  async function readOnly(run: Database["write"]): Promise<void> {
    await run("SET TRANSACTION READ ONLY", []);
    await run("DELETE FROM lease", []);
  }

  test("a lost server that a pooler reports like a mistake, but as fatal, is an outage", async () => {
    const lost = Object.assign(new Error("server conn crashed?"), {
      severity: "FATAL",
      code: "08P01",
    });
    jest.spyOn(pg.Client.prototype, "query").mockRejectedValueOnce(lost);
    await expect(database.read("SELECT 1", [])).rejects.toBeInstanceOf(ServiceUnavailable);
    expect(await database.read("SELECT 1 AS one", [])).toEqual([{ one: 1 }]);
  });

  test("after a mistake, the connection is used again", async () => {
    const pid = async () => (await database.read("SELECT pg_backend_pid() AS pid", []))[0];
    const before = await pid();
    await expect(database.read("SELECT nothing", [])).rejects.toMatchObject({ code: "42703" });
    await expect(database.read("SELECT 1 / 0", [])).rejects.toMatchObject({ code: "22012" });
    await expect(database.read("SELECT ?::int", [])).rejects.toMatchObject({ code: "08P01" });
    const two = "SELECT (SELECT 1 UNION SELECT 2)";
    await expect(database.read(two, [])).rejects.toMatchObject({ code: "21000" });
    expect(await pid()).toEqual(before);
  });

  test("a connection that was cut while it was idle is replaced", async () => {
    await database.read("SELECT 1", []);
    await fresh.sql(`SELECT pg_terminate_backend(pid, 30000) ${OTHER_CONNECTIONS}`);
    expect(await database.read("SELECT 1 AS one", [])).toEqual([{ one: 1 }]);
  });
});
