import { Socket } from "node:net";
import { afterEach, describe, expect, jest, test } from "@jest/globals";
import pg, { type Client } from "pg";
import type { Database } from "../../src/database/database.js";
import { createDatabase } from "../../src/database/open-dialect.js";
import { describePostgres } from "../support/databases.js";
import { eventually } from "../support/eventually.js";
import { fakeTime } from "../support/fake-timers.js";
import { setUpFreshDatabase } from "../support/fresh-database.js";
import { OTHER_CONNECTIONS } from "../support/postgresql.js";

/** The error of `pg` when connecting takes too long. */
const NO_ANSWER = new Error("timeout expired");
const REFUSED = Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });

describePostgres("connecting to PostgreSQL", () => {
  const fresh = setUpFreshDatabase("postgresql");
  const open = (query = "") => fresh.open([], { databaseUrl: fresh.url + query });
  const readOne = (database: Database) => database.read("SELECT 1 AS one", []);

  afterEach(() => {
    jest.restoreAllMocks();
  });

  /** Replaces how clients connect. Returns a function that counts the attempts. */
  function replaceConnect(connect: (original: () => Promise<void>) => Promise<void>): () => number {
    const original: () => Promise<void> = Reflect.get(pg.Client.prototype, "connect");
    const spy = jest.spyOn(pg.Client.prototype, "connect");
    spy.mockImplementation(function (this: Client) {
      return connect(() => original.call(this));
    });
    return () => spy.mock.calls.length;
  }

  const failWith = (error: Error) => () =>
    new Promise<void>((_resolve, reject) => setImmediate(reject, error));

  /** Calls `use` while a transaction needs the only open connection, so that other statements need another one. */
  async function whileInUse(database: Database, use: () => Promise<void>): Promise<void> {
    await database.inSharedTransaction(async (run) => {
      await run("SELECT 1", []);
      await use();
    });
  }

  test.each([
    ["", 3],
    ["?connect_timeout=1", 2],
    ["?connect_timeout=2", 1],
    ["?connect_timeout=60", 1],
  ])(
    "is tried again while a read can wait, if the server does not answer: with %j, %d times",
    async (query, times) => {
      const database = await open(query);
      await whileInUse(database, async () => {
        const count = replaceConnect(failWith(NO_ANSWER));
        await expect(readOne(database)).rejects.toMatchObject({ cause: NO_ANSWER });
        expect(count()).toBe(times);
      });
    },
  );

  test("is not tried again after another fault", async () => {
    const database = await open();
    await whileInUse(database, async () => {
      const count = replaceConnect(failWith(REFUSED));
      await expect(readOne(database)).rejects.toMatchObject({ cause: REFUSED });
      expect(count()).toBe(1);
    });
  });

  test.each([
    ["?connect_timeout=0", 5],
    ["?connect_timeout=6", 5],
    ["?connect_timeout=60", 50],
  ])(
    "with %s, a connection that takes longer than a read is used by a later one",
    async (query, seconds) => {
      const database = await open(query);
      await whileInUse(database, async () => {
        let answer!: () => void;
        const answered = new Promise<void>((resolve) => (answer = resolve));
        const count = replaceConnect((original) => answered.then(original));
        fakeTime();
        try {
          const first = expect(readOne(database)).rejects.toThrow();
          await jest.advanceTimersByTimeAsync(seconds * 1000);
          await first;
          const second = readOne(database);
          answer();
          expect(await second).toEqual([{ one: 1 }]);
          expect(count()).toBe(1);
        } finally {
          jest.useRealTimers();
        }
      });
    },
  );

  test("that fails only after the check of the server is refused in one line", async () => {
    let attempts = 0;
    replaceConnect((original) => ((attempts += 1) === 1 ? original() : failWith(REFUSED)()));
    // With TLS, the check itself may need two attempts.
    await expect(open("?sslmode=disable")).rejects.toThrow(
      /^No database server listens on \S+: connect ECONNREFUSED$/,
    );
    expect(attempts).toBe(2);
  });

  test("over a socket is tried once, because a socket never uses TLS", async () => {
    const refused = Object.assign(new Error("refused"), { code: "28000" });
    const count = replaceConnect(failWith(refused));
    const databaseUrl = "postgresql://ada@/shop?host=/nowhere&sslmode=prefer";
    await expect(createDatabase({ databaseUrl })).rejects.toThrow(
      "The database server refuses the role ada: refused",
    );
    expect(count()).toBe(1);
  });

  test("makes the system check after 10 idle seconds whether the server is reachable", async () => {
    const spy = jest.spyOn(Socket.prototype, "setKeepAlive");
    await open();
    expect(spy.mock.calls).toEqual([[true, 10_000]]);
  });

  describe("ends", () => {
    // A closed connection may stay in the list for a moment.
    const becomes = (count: number) =>
      eventually(async () => {
        const others = `SELECT pid ${OTHER_CONNECTIONS}`;
        return (await fresh.sql(others)).length === count;
      });

    test("when the database is closed", async () => {
      const database = await open();
      await Promise.all([readOne(database), readOne(database)]);
      await becomes(2);
      await database.close();
      await becomes(0);
    });

    test("when the tables have been compared with the entities, unless it is of the pool", async () => {
      const database = await open();
      expect(await database.pendingChanges()).not.toBe("");
      await becomes(1);
    });
  });
});
