import { randomBytes } from "node:crypto";
import { afterEach, expect, test } from "@jest/globals";
import { Database } from "../../src/database/database.js";
import { createDatabase } from "../../src/database/open-dialect.js";
import { describePostgres } from "../support/databases.js";
import { eventually } from "../support/eventually.js";
import { POSTGRES_URL, runPostgres } from "../support/postgresql.js";

const name = `gate_${process.env["TEST_RUN"]}_create_${randomBytes(4).toString("hex")}`;
const SCHEMA = 'my "own" s\\chema';
const databaseUrl = Object.assign(new URL(POSTGRES_URL), { pathname: `/${name}` }).href;
const administer = (sql: string) => runPostgres(POSTGRES_URL, sql);

test("a SQLite database is not created in advance, because opening it creates the file", async () => {
  expect(await createDatabase({ databaseUrl: "sqlite:/nowhere/gate.sqlite" })).toEqual([]);
});

describePostgres("a missing database or schema of PostgreSQL", () => {
  afterEach(() => administer(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`));

  test("is created once", async () => {
    expect(await createDatabase({ databaseUrl })).toEqual([`database ${name}`]);
    expect(await createDatabase({ databaseUrl })).toEqual([]);
    const settings = { databaseUrl, databaseSchema: SCHEMA };
    await expect(Database.open(settings)).rejects.toThrow(
      `The schema ${SCHEMA} does not exist; \`gatehouse migrate --create\` makes it.`,
    );
    expect(await createDatabase(settings)).toEqual([`schema ${SCHEMA}`]);
    expect(await createDatabase(settings)).toEqual([]);
    const database = await Database.open(settings);
    try {
      const [row] = await database.read("SELECT current_schema() AS name", []);
      expect(row).toEqual({ name: SCHEMA });
    } finally {
      await database.close();
    }
  });

  test("is created by several processes at once", async () => {
    const settings = { databaseUrl, databaseSchema: SCHEMA };
    const created = await Promise.all(Array.from({ length: 4 }, () => createDatabase(settings)));
    expect(created.flat()).toContain(`database ${name}`);
    expect(created.flat()).toContain(`schema ${SCHEMA}`);
    expect(await createDatabase(settings)).toEqual([]);
  });

  test("that the role may not create is refused in one line", async () => {
    const role = `${name}_role`;
    await administer(`CREATE ROLE ${role} LOGIN`);
    try {
      const url = Object.assign(new URL(databaseUrl), { username: role }).href;
      await expect(createDatabase({ databaseUrl: url })).rejects.toThrow(
        /: permission denied to create database$/,
      );
      await createDatabase({ databaseUrl });
      await expect(createDatabase({ databaseUrl: url, databaseSchema: SCHEMA })).rejects.toThrow(
        new RegExp(`: permission denied for database ${name}$`),
      );
    } finally {
      await administer(`DROP ROLE ${role}`);
    }
  });

  test("of a server that cannot be reached is refused in one line", async () => {
    const url = Object.assign(new URL(databaseUrl), { port: 1 }).href;
    await expect(createDatabase({ databaseUrl: url })).rejects.toThrow(
      /^No database server listens on \S+:1: connect ECONNREFUSED/,
    );
  });

  test("leaves no connection open", async () => {
    await createDatabase({ databaseUrl, databaseSchema: SCHEMA });
    await expect(Database.open({ databaseUrl, databaseSchema: "none" })).rejects.toThrow("none");
    // A closed connection may stay in this list for a moment.
    const connections = `SELECT 1 FROM pg_stat_activity WHERE datname = '${name}'`;
    await eventually(async () => (await administer(connections)).length === 0);
  });
});
