import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import pg from "pg";
import sqlite3 from "sqlite3";
import { PAIRS } from "./casts.js";
import { Explorer } from "./explorer.js";
import { DATABASES, describePostgres } from "../support/databases.js";

const TIMEOUT = 600_000;

/** Pairs of operations that both lock several sessions. */
const ENDING_SEVERAL = [
  "logout of all + logout of all",
  "logout of all + password change",
  "logout of all + deactivation",
  "password change + prune",
];

describe.each(DATABASES)("over %s", (database) => {
  let explorer: Explorer;

  beforeAll(async () => {
    explorer = await Explorer.open(database);
  });
  afterAll(() => explorer.close());

  test(
    "N-03, RF-1, RF-4: no interleaving of two operations revives a session, ends one without a cause, or gives a refresh token two successors",
    async () => {
      for (const cast of PAIRS) expect(await explorer.explore(cast)).toBeNull();
      expect(explorer.plays).toBeGreaterThan(200);
    },
    TIMEOUT,
  );
});

describePostgres("in whatever order a statement finds the sessions of a user", () => {
  test.each(["ASC", "DESC"] as const)(
    "no two operations wait for each other: %s",
    async (order) => {
      const explorer = await Explorer.open("postgresql", order);
      try {
        for (const cast of ENDING_SEVERAL) expect(await explorer.explore(cast)).toBeNull();
      } finally {
        await explorer.close();
      }
    },
    TIMEOUT,
  );
});

describePostgres("while one operation waits for the statement of both", () => {
  test(
    "another one waits for a lock, and goes on after it",
    async () => {
      const explorer = await Explorer.open("postgresql");
      try {
        expect(await explorer.explore("refresh & refresh + revocation")).toBeNull();
      } finally {
        await explorer.close();
      }
    },
    TIMEOUT,
  );
});

describe.each(DATABASES)("with a mistake in a statement, over %s", (database) => {
  test.each([
    [
      "a rotation of any generation",
      "AND session.generation = used.column4",
      "",
      "refresh + refresh",
    ],
    [
      "a rotation of an ended session",
      "(session.ended_at IS NULL AND",
      "(1 = 1 AND",
      "refresh + logout",
    ],
  ])(
    "the explorer finds %s, and prints a table that can be replayed",
    async (_name, right, wrong, cast) => {
      const restore = replaceInStatements(right, wrong);
      const explorer = await Explorer.open(database);
      try {
        const found = await explorer.explore(cast);
        const [line = ""] = found?.split("\n") ?? [];
        expect(line).toMatch(new RegExp(`^${cast.replace("+", "\\+")}: [ab]+$`));
        expect(await explorer.replay(line)).toBe(found);
      } finally {
        await explorer.close();
        restore();
      }
    },
    TIMEOUT,
  );
});

/** Changes the text of each statement that contains `right`, before the database gets it. */
function replaceInStatements(right: string, wrong: string): () => void {
  const client = pg.Client.prototype as any;
  const database = sqlite3.Database.prototype as any;
  const { query } = client;
  const { prepare } = database;
  client.query = function (given: any, ...rest: any[]) {
    const text = given?.text?.replace(right, wrong);
    return query.call(this, text === undefined ? given : { ...given, text }, ...rest);
  };
  database.prepare = function (text: string, ...rest: any[]) {
    return prepare.call(this, text.replace(right, wrong), ...rest);
  };
  return () => Object.assign(client, { query }) && Object.assign(database, { prepare });
}
