import { mkdir, readdir, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import sqlite3 from "sqlite3";
import type { Database } from "../../src/database/database.js";
import { requirePrivateFiles } from "../../src/database/sqlite-file.js";
import { ServiceUnavailable } from "../../src/errors.js";
import { setUpFreshDatabase } from "../support/fresh-database.js";
import { LOCK_TABLES } from "../support/locks.js";
import { ownTimeOf } from "../support/measure.js";
import { findOpenFiles } from "../support/sqlite.js";

const fresh = setUpFreshDatabase("sqlite");
let database: Database;

beforeEach(async () => {
  database = await fresh.open();
});
afterEach(() => {
  jest.restoreAllMocks();
});

const lock = () => LOCK_TABLES.sqlite({ databaseUrl: fresh.url, databasePath: fresh.path });

const openFiles = () => findOpenFiles(fresh.path);

test("closing leaves one file, and no file open", async () => {
  await database.migrate();
  await database.read("SELECT * FROM lease", []);
  await database.readOnce("SELECT * FROM lease", []);
  await database.write("DELETE FROM lease RETURNING name", []);
  await database.inTransaction((run) => run("DELETE FROM lease RETURNING name", []));
  await database.inSharedTransaction((run) => run("DELETE FROM lease RETURNING name", []));
  const wrong = database.write("SELECT nothing", []).catch(() => undefined);
  await database.close();
  await wrong;
  expect(await readdir(dirname(fresh.path))).toEqual(["gate.sqlite"]);
  expect(await openFiles()).toEqual([]);
});

test("closing waits for statements that are being prepared, even if they are wrong", async () => {
  const wrong = expect(database.read("SELECT nothing", [])).rejects.toThrow("nothing");
  await database.close();
  await wrong;
  expect(await openFiles()).toEqual([]);
});

test("a statement is prepared once, even by calls at the same time", async () => {
  const prepare = jest.spyOn(sqlite3.Database.prototype, "prepare");
  await Promise.all([1, 2, 3].map((value) => database.read("SELECT ? AS value", [value])));
  expect(await database.read("SELECT ? AS value", [4])).toEqual([{ value: 4 }]);
  expect(prepare).toHaveBeenCalledTimes(1);
});

test("a new file that another process locks for a moment is used afterwards", async () => {
  const release = await lock();
  const migrating = database.migrate();
  await new Promise((resolve) => setTimeout(resolve, 300));
  await release();
  const waited = await ownTimeOf(async () => {
    expect(await migrating).not.toEqual([]);
  });
  // A statement waits for a lock for five seconds.
  expect(waited).toBeLessThan(4000);
});

test("a new file that another process keeps locked cannot be written until the lock is gone", async () => {
  const release = await lock();
  try {
    const writing = database.write("CREATE TABLE note (id)", []);
    await expect(writing).rejects.toBeInstanceOf(ServiceUnavailable);
    // By now, the attempt to open the file has ended, too.
    await new Promise((resolve) => setTimeout(resolve, 2000));
  } finally {
    await release();
  }
  await database.write("CREATE TABLE note (id)", []);
});

test("a write to a file that is gone is refused at once", async () => {
  await rm(fresh.path);
  await mkdir(fresh.path);
  const writing = () =>
    expect(database.write("CREATE TABLE note (id)", [])).rejects.toBeInstanceOf(ServiceUnavailable);
  // A statement waits for a connection for five seconds.
  expect(await ownTimeOf(writing)).toBeLessThan(4000);
});

test("only SQLite has files whose mode is checked", () => {
  expect(() => {
    requirePrivateFiles("postgresql://db.example.com/shop", false);
  }).not.toThrow();
});
