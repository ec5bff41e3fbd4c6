import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { CLI, ROOT, runCommand } from "../support/command.js";
import { startNode, waitForLine } from "../support/node-process.js";
import { runSql } from "../support/sqlite.js";

const SECRET_KEY = "9QxT2vLw7Zc4NfYb1KpRs8HdJm3GaUeV6oXiCtBqWyE";

/** In milliseconds. Long, because the machine may be slow. */
const TIMEOUT = 300_000;

/**
 * Returns a program that opens the database, and opens it again by the code in `again`. It then adds a user for each
 * line that it reads.
 */
function program(again: string): string {
  return `
    import { createInterface } from "node:readline";
    import { createAuth } from ${JSON.stringify(join(ROOT, "dist/index.js"))};
    const options = {
      databaseUrl: process.env.DATABASE_URL,
      secretKey: process.env.SECRET_KEY,
    };
    const first = await createAuth(options);
    ${again}
    console.log("opened");
    for await (const username of createInterface(process.stdin)) {
      await first.accounts.createUser({ username, password: "correct horse battery staple" });
      console.log("created " + username);
    }`;
}

describe("one process opens a SQLite file twice, and another process opens and closes it", () => {
  let path: string;
  let env: Record<string, string>;

  beforeEach(() => {
    path = join(mkdtempSync(join(tmpdir(), "second-opening-")), "gate.sqlite");
    env = { DATABASE_URL: `sqlite:${path}`, SECRET_KEY, CLI: pathToFileURL(CLI).href };
  });

  afterEach(() => {
    rmSync(join(path, ".."), { recursive: true });
  });

  test.each([
    ["the second stays open", `await createAuth(options);`],
    ["the second is closed", `await (await createAuth(options)).close();`],
    ["both were opened at once", `await Promise.all([createAuth(options), createAuth(options)]);`],
    [
      "the second was opened in a worker, which ended",
      `const { Worker } = await import("node:worker_threads");
      const worker = new Worker(new URL(process.env.CLI), { argv: ["migrate"], execArgv: [] });
      await new Promise((done) => worker.once("exit", done));`,
    ],
    [
      "the second could not be opened",
      `await createAuth({ ...options, secretKey: "a".concat(options.secretKey) }).catch(() => 0);`,
    ],
  ])(
    "later writes of the first process survive kill -9: %s",
    async (_what, again) => {
      const { child, ended } = startNode(["--input-type=module", "-e", program(again)], {
        cwd: ROOT,
        env,
        timeout: TIMEOUT,
      });
      await waitForLine(child, /opened/);
      const other = await runCommand(["migrate"], { cwd: ROOT, env, timeout: TIMEOUT });
      expect(other.code).toBe(0);
      const created = waitForLine(child, /created ada/);
      child.stdin?.write("ada\n");
      await created;
      child.kill("SIGKILL");
      await ended;
      expect(await runSql(path, "SELECT username FROM user")).toEqual([{ username: "ada" }]);
    },
    TIMEOUT,
  );
});
