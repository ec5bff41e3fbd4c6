import { open, readFile, truncate, writeFile } from "node:fs/promises";
import { beforeEach, describe, expect, test } from "@jest/globals";
import { setUpFreshGate } from "../support/gate.js";
import {
  type Credentials,
  expectAnsweredOrUnavailable,
  expectDatabaseFreeOperations,
  expectRecovery,
  expectUnavailable,
  operationsOf,
  signIn,
  startRequests,
} from "./outage.js";

const gate = setUpFreshGate();
let credentials: Credentials;

beforeEach(async () => {
  credentials = await signIn(gate);
});

/** Writes the whole database into its main file, so that every connection has to read it again. */
async function checkpoint(): Promise<void> {
  await gate.sql(`UPDATE "user" SET last_login_at = last_login_at`);
  const [{ busy }] = await gate.sql(`PRAGMA wal_checkpoint(TRUNCATE)`);
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

describe("while the database cannot be read", () => {
  test.each(Object.entries(damages))(
    "H-28: because its file %s, every operation is SERVICE_UNAVAILABLE, and none calls a credential invalid",
    async (_name, damage) => {
      await checkpoint();
      await damage(gate.databasePath);
      for (const [operation, run] of operationsOf(gate, credentials)) {
        expectUnavailable(await run(), operation);
      }
      expect((await fetch(`${gate.url}/health/ready`)).status).toBe(503);
      expect((await fetch(`${gate.url}/health/live`)).status).toBe(200);
    },
  );

  test("H-28: many running requests are each answered as before or SERVICE_UNAVAILABLE, never UNAUTHENTICATED", async () => {
    const { authorization } = credentials.fixed;
    const running = startRequests(gate, credentials);
    for (const suffix of ["", "-wal", "-shm"]) await overwrite(`${gate.databasePath}${suffix}`);
    running.push(...Array.from({ length: 50 }, () => gate.me(authorization)));
    await expectAnsweredOrUnavailable(running);
    expectUnavailable(await gate.me(authorization), "me");
  });

  test("H-28: a credential works again when the database is back", async () => {
    await checkpoint();
    const bytes = await readFile(gate.databasePath);
    await overwrite(gate.databasePath);
    expectUnavailable(await gate.me(credentials.fixed.authorization), "me by Token");
    expectUnavailable(await gate.refresh(credentials.jwt.refresh), "refreshToken");
    await writeFile(gate.databasePath, bytes);
    await checkpoint();
    await expectRecovery(gate, credentials);
  });

  test("H-20, H-28: operations that need no database still work", async () => {
    await checkpoint();
    await overwrite(gate.databasePath);
    await expectDatabaseFreeOperations(gate, credentials);
  });
});
