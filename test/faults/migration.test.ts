import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "@jest/globals";
import { createAsVersion01 } from "../database/version-0.1.js";
import { CLI, ROOT, runCommand, serveBeside } from "../support/command.js";
import { createDatabase, DATABASES, type TestDatabase } from "../support/databases.js";
import { PASSWORD, PASSWORD_HASH } from "../support/gate.js";
import { startNode } from "../support/node-process.js";
import { say } from "./progress.js";

const KILLS = 15;
const USERS = 30_000;
const SECRET_KEY = randomBytes(32).toString("base64url");

/** Fills the database with users. All have the same password, and each has one session. */
async function fill(database: TestDatabase, kind: (typeof DATABASES)[number]): Promise<void> {
  const numbers =
    kind === "sqlite"
      ? `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${USERS})`
      : `WITH n AS (SELECT i FROM generate_series(1, ${USERS}) AS i)`;
  const id = kind === "sqlite" ? "printf('%032x', i)" : "lpad(to_hex(i), 32, '0')";
  // The hash is a parameter only to keep its `$` out of the statement.
  await database.sql(
    `INSERT INTO "user" (id, username, username_key, created_at, password_hash)
     ${numbers} SELECT ${id}, 'user' || i, 'user' || i, i, CAST(? AS text) FROM n`,
    [PASSWORD_HASH],
  );
  await database.sql(`INSERT INTO profile (user_id, role) SELECT id, 'USER' FROM "user"`);
  await database.sql(
    `INSERT INTO session (id, user_id, scheme, credentials_version, created_at, rotated_at)
     SELECT id, id, 'JWT', 0, 1, 1 FROM "user"`,
  );
}

describe.each(DATABASES)("over %s", (kind) => {
  test(`a start that is killed ${KILLS} times while it migrates ${USERS} users of an old version leaves none or all of its steps, and the next start completes them`, async () => {
    const env = (url: string) => ({ DATABASE_URL: url, SECRET_KEY, PORT: "0" });
    const recorded = async (of: TestDatabase) => {
      const rows = await of.sql("SELECT name FROM mikro_orm_migrations ORDER BY id");
      return rows.map(({ name }) => name as string);
    };
    const prepare = async () => {
      const database = await createDatabase(kind);
      await createAsVersion01(kind, database);
      await fill(database, kind);
      return database;
    };
    const whole = await prepare();
    const before = await recorded(whole);
    const begin = performance.now();
    await runCommand(["migrate"], { cwd: ROOT, env: env(whole.url) });
    const duration = performance.now() - begin;
    const after = await recorded(whole);
    await whole.drop();

    let database = await prepare();
    let [none, part, done] = [0, 0, 0];
    try {
      for (let count = 1; count <= KILLS; count += 1) {
        const { child, ended } = startNode([CLI, "serve"], { cwd: ROOT, env: env(database.url) });
        await sleep(duration * (0.3 + 0.8 * Math.random()));
        child.kill("SIGKILL");
        await ended;
        if (count % 5 === 0) say(`${kind}: killed ${count} of ${KILLS} starts`);
        const names = await recorded(database);
        const [users] = await database.sql(`SELECT count(*) AS total FROM "user"`);
        expect(Number(users.total)).toBe(USERS);
        if (names.length === before.length) {
          expect(names).toEqual(before);
          none += 1;
          continue;
        }
        expect(names.length).toBeGreaterThanOrEqual(after.length);
        const [{ total: missing }] = await database.sql(
          `SELECT count(*) AS total FROM "user" WHERE username_skeleton IS NULL`,
        );
        if (Number(missing) > 0) part += 1;
        else {
          done += 1;
          await database.drop();
          database = await prepare();
        }
      }
      const started = performance.now();
      const server = await serveBeside({ databaseUrl: database.url }, SECRET_KEY);
      const took = Math.round(performance.now() - started);
      try {
        const last = `user${USERS}`;
        const login = `mutation { login(username: "${last}", password: "${PASSWORD}") { user { username } } }`;
        expect(await server.ask(login)).toEqual({ data: { login: { user: { username: last } } } });
      } finally {
        await server.stop();
      }
      const [{ total }] = await database.sql(
        `SELECT count(*) AS total FROM "user" WHERE username_skeleton IS NULL`,
      );
      expect(Number(total)).toBe(0);
      const [sessions] = await database.sql("SELECT count(*) AS total FROM session");
      expect(Number(sessions.total)).toBe(USERS + 1);
      if (kind === "sqlite") {
        expect(await database.sql("PRAGMA integrity_check")).toEqual([{ integrity_check: "ok" }]);
      }
      say(
        `${kind}: of ${KILLS} killed starts, ${none} had changed nothing, ${part} some of the users and ${done} all; the next start took ${took} ms and completed the migration. All ${USERS} users and sessions are there.`,
      );
    } finally {
      await database.drop();
    }
  });
});
