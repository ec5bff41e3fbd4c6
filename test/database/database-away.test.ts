import { open, readFile, truncate, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { type Answer, Gate, PASSWORD, type Tokens } from "../support/gate.js";
import { runSql } from "../support/sqlite.js";

const LOGIN = `mutation { login(username: "ada", password: "${PASSWORD}") { access } }`;

let gate: Gate;
let jwt: Tokens;
let fixed: Tokens;

beforeEach(async () => {
  gate = await Gate.open();
  await gate.user("ada");
  jwt = await gate.login("ada", "JWT");
  fixed = await gate.login("ada", "TOKEN");
});

afterEach(() => gate.close());

/** Moves the whole database into its main file, so that every connection has to read it again. */
async function checkpoint(): Promise<void> {
  await runSql(gate.databasePath, `UPDATE "user" SET last_login_at = last_login_at`);
  const [{ busy }] = await runSql(gate.databasePath, `PRAGMA wal_checkpoint(TRUNCATE)`);
  if (busy !== 0) throw new Error("the database could not be checkpointed");
}

/** Overwrites a file in place, as a failing disk does. */
async function overwrite(path: string): Promise<void> {
  const file = await open(path, "r+");
  await file.write(Buffer.alloc((await file.stat()).size, 0x5a), 0);
  await file.close();
}

const damages: Record<string, (path: string) => Promise<void>> = {
  "is overwritten": overwrite,
  "is cut off after its first page": (path) => truncate(path, 4096),
  "has garbage after its first page": async (path) => {
    const bytes = await readFile(path);
    await writeFile(path, bytes.fill(0x5a, 4096));
  },
};

const operations: Record<string, () => Promise<Answer>> = {
  "me by Token": () => gate.me(fixed.authorization),
  "me by Bearer": () => gate.me(jwt.authorization),
  login: () => gate.ask(LOGIN),
  refreshToken: () => gate.refresh(jwt.refresh),
  "verifyToken of a key": () => gate.verify(fixed.token),
  "verifyToken of an access token": () => gate.verify(jwt.access),
  "verifyToken of a refresh token": () => gate.verify(jwt.refresh),
  "logout by Token": () => gate.logout({ authorization: fixed.authorization }),
  "logout by Bearer": () => gate.logout({ authorization: jwt.authorization }),
  "logout by refresh token": () => gate.logout({ refresh: jwt.refresh }),
};

function expectUnavailable(answer: Answer, operation: string): void {
  expect([operation, answer.code, answer.status]).toEqual([operation, "SERVICE_UNAVAILABLE", 503]);
  expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
  expect(answer.errors?.[0]?.extensions["retryAfter"]).toBeGreaterThan(0);
  expect(answer.text).not.toMatch(/sqlite|malformed|not a database|disk|SELECT|UPDATE/i);
}

describe("while the database cannot be read", () => {
  test.each(Object.entries(damages))(
    "H-28: its file %s: every operation is SERVICE_UNAVAILABLE, and none calls a credential invalid",
    async (_name, damage) => {
      await checkpoint();
      await damage(gate.databasePath);
      for (const [operation, run] of Object.entries(operations)) {
        expectUnavailable(await run(), operation);
      }
      expect((await fetch(`${gate.url}/health/ready`)).status).toBe(503);
      expect((await fetch(`${gate.url}/health/live`)).status).toBe(200);
    },
  );

  test("H-28: in the middle of many requests: each is answered as before or SERVICE_UNAVAILABLE, never UNAUTHENTICATED", async () => {
    const running = Array.from({ length: 200 }, (_, index) =>
      gate.me(index % 2 === 0 ? fixed.authorization : jwt.authorization),
    );
    for (const suffix of ["", "-wal", "-shm"]) await overwrite(`${gate.databasePath}${suffix}`);
    running.push(...Array.from({ length: 50 }, () => gate.me(fixed.authorization)));
    const codes = new Set((await Promise.all(running)).map(({ code }) => code ?? "answered"));
    expect(
      [...codes].filter((code) => !["answered", "SERVICE_UNAVAILABLE"].includes(code)),
    ).toEqual([]);
    expectUnavailable(await gate.me(fixed.authorization), "me");
  });

  test("H-28: a credential works again when the database is back", async () => {
    await checkpoint();
    const bytes = await readFile(gate.databasePath);
    await overwrite(gate.databasePath);
    expectUnavailable(await gate.me(fixed.authorization), "me by Token");
    expectUnavailable(await gate.refresh(jwt.refresh), "refreshToken");
    await writeFile(gate.databasePath, bytes);
    await checkpoint();
    expect((await gate.me(fixed.authorization)).data?.me.username).toBe("ada");
    expect((await gate.me(jwt.authorization)).data?.me.username).toBe("ada");
    expect((await gate.refresh(jwt.refresh)).status).toBe(200);
    expect((await fetch(`${gate.url}/health/ready`)).status).toBe(200);
  });

  test("H-20, H-28: operations that need no database still work", async () => {
    await checkpoint();
    await overwrite(gate.databasePath);
    const { status, data } = await gate.ask("{ __typename }", {
      authorization: fixed.authorization,
    });
    expect([status, data.__typename]).toEqual([200, "Query"]);
    expect((await gate.me()).reason).toBe("no_credentials");
    expect((await gate.me("Bearer nonsense")).reason).toBe("token_not_valid");
  });
});
