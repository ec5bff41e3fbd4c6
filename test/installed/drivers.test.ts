import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import { expect, test } from "@jest/globals";
import { expectOneLine, LISTENS } from "../support/command.js";
import { createDatabase, describePostgres } from "../support/databases.js";
import { runNode, startNode, waitForLine } from "../support/node-process.js";
import { copyApp } from "./app.js";

const CLI = "node_modules/graphql-gatehouse/dist/cli.js";

test("an SQLite installation starts without the packages for PostgreSQL and Redis, and without GraphiQL's files if GraphiQL is off", async () => {
  const cwd = await copyApp("sqlite", [
    "@mikro-orm/postgresql",
    "pg",
    "ioredis",
    "graphql-gatehouse/assets",
  ]);
  await expectStart(cwd, { GRAPHIQL: "off" });
});

test("an SQLite installation without the compiled driver says in one line how each package manager compiles it", async () => {
  const cwd = await copyApp("not-compiled", ["sqlite3/build"]);
  const ended = await runNode([CLI, "serve"], { cwd, env: { PORT: "0" }, timeout: 60_000 });
  expectOneLine(
    ended,
    /SQLite's driver is not compiled for this system\. Run npm rebuild sqlite3 \(npm\), /,
  );
  for (const cure of ["pnpm approve-builds", "yarn rebuild sqlite3", "bun pm trust sqlite3"]) {
    expect(ended.stderr).toContain(cure);
  }
  await rm(cwd, { recursive: true });
});

test("an import from MySQL without the package mysql2 says in one line how to install it", async () => {
  const cwd = await copyApp("without-mysql");
  const parameters = ["import-django", "--from", "mysql://django@127.0.0.1/shop"];
  const env = { DJANGO: "on", SECRET_KEY: randomBytes(32).toString("base64url") };
  const run = (...words: string[]) => runNode([CLI, ...words], { cwd, env, timeout: 60_000 });
  expect((await run("migrate", "--create")).code).toBe(0);
  const { stderr, ...ended } = await run(...parameters);
  expectOneLine(
    { ...ended, stderr: stderr.replace(/^Database: .*\n/, "") },
    /^gatehouse: A mysql:\/\/ database needs the package mysql2\. Run npm install mysql2\.$/m,
  );
  await rm(cwd, { recursive: true });
});

describePostgres("over postgresql", () => {
  test("an installation starts without SQLite's packages", async () => {
    const database = await createDatabase("postgresql");
    const cwd = await copyApp("postgresql", ["@mikro-orm/sqlite", "sqlite3"]);
    await expectStart(cwd, {
      DATABASE_URL: database.url,
      SECRET_KEY: randomBytes(32).toString("base64url"),
    });
    await database.drop();
  });
});

async function expectStart(cwd: string, env: Record<string, string>): Promise<void> {
  const options = { cwd, env: { PORT: "0", ...env }, timeout: 60_000 };
  const { child, ended } = startNode([CLI, "serve"], options);
  await waitForLine(child, LISTENS);
  child.kill("SIGTERM");
  expect((await ended).stderr).toMatch(
    /^Created the first admin\. The password is shown only now:\n  username: admin\n  password: \S+\n$/,
  );
}
