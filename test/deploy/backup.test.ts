import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, expect, test } from "@jest/globals";
import { ROOT, setUpFolders } from "../support/command.js";
import { createDatabase, describePostgres, type TestDatabase } from "../support/databases.js";
import { describeWith, runProgram } from "../support/programs.js";

/** In milliseconds. Long, because six processes start one after the other. */
const TIMEOUT = 240_000;

const PASSWORD = "correct horse battery staple";

const folders = setUpFolders({ SECRET_KEY: randomBytes(32).toString("hex") });

/** Returns the line of docs/operations.md that begins with these words. */
async function lineOf(words: string): Promise<string> {
  const lines = (await readFile(join(ROOT, "docs/operations.md"), "utf8")).split("\n");
  return lines.find((line) => line.startsWith(words)) ?? `echo no line begins with ${words}; false`;
}

/** Runs a server with this database. Backs the database up and restores it by the commands of the docs. */
async function rehearse(env: Record<string, string>, backUp: string, restore: string) {
  const folder = await folders.empty();
  const exports = Object.entries(env).map(([name, value]) => `export ${name}='${value}'; `);
  const shell = async (words: string) =>
    runProgram("sh", ["-c", `cd '${folder.path}'; ${exports.join("")}${await lineOf(words)}`]);
  const run = async (...parameters: string[]) => {
    const ended = await folder.run(parameters, { env, input: PASSWORD });
    expect([ended.code, ended.stderr]).toEqual([0, ""]);
  };
  await run("create-user", "ada", "--email", "ada@example.com", "--password-stdin");
  await run("create-user", "bob", "--email", "bob@example.com", "--password-stdin");
  const server = await folder.serve(env);
  const reasonOf = async (query: string, authorization: string, at = server) =>
    (await at.ask(query, authorization)).errors?.[0].extensions.reason;
  const ada = await server.login("ada", PASSWORD);
  expect(await shell(backUp)).toEqual({ code: 0, output: "" });
  expect(await reasonOf("mutation { logout { message } }", ada)).toBeUndefined();
  expect(await reasonOf("{ me { id } }", ada)).toBe("token_revoked");
  // A killed server leaves its last writes in a separate log. That log must not get into the restored database.
  await server.stop("SIGKILL");
  expect(await shell(restore)).toEqual({ code: 0, output: "" });

  const restored = await folder.serve(env);
  const isOpenAgain = (await reasonOf("{ me { id } }", ada, restored)) === undefined;
  await restored.stop();
  await run("end-sessions", "--all");
  await run("deactivate", "bob");
  const last = await folder.serve(env);
  return {
    isOpenAgain,
    afterwards: await reasonOf("{ me { id } }", ada, last),
    ada: await last.login("ada", PASSWORD),
    bob: await last.login("bob", PASSWORD).catch((error: unknown) => (error as Error).message),
  };
}

const RESTORED = {
  isOpenAgain: true,
  afterwards: "token_revoked",
  ada: expect.stringMatching(/^Bearer /),
  bob: "invalid_credentials",
};

describeWith("sqlite3")("SQLite", () => {
  test(
    "a backup of a running server is restored by the commands of docs/operations.md",
    async () => {
      const env = { DATABASE_URL: "sqlite:data/gatehouse.sqlite" };
      expect(await rehearse(env, "sqlite3 ", "rm -f data/")).toEqual(RESTORED);
    },
    TIMEOUT,
  );
});

describePostgres("PostgreSQL", () => {
  let database: TestDatabase | undefined;
  afterAll(() => database?.drop());

  test(
    "a backup of a running server is restored by the commands of docs/operations.md",
    async () => {
      database = await createDatabase("postgresql");
      const env = { DATABASE_URL: database.url };
      expect(await rehearse(env, "pg_dump ", "pg_restore ")).toEqual(RESTORED);
    },
    TIMEOUT,
  );
});
