import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { setUpFolders } from "../support/command.js";
import { setUpFreshGate } from "../support/gate.js";

const folders = setUpFolders();

const ELSEWHERE = { isProduction: true, graphiql: false } as const;

describe("a server in production", () => {
  const gate = setUpFreshGate();

  /** Starts it on the database of the gate. Returns the lines of its refusal, or none. */
  async function refusal(options: object = ELSEWHERE): Promise<string[]> {
    const started = await gate.another(options).catch((error: unknown) => error as Error);
    if (!(started instanceof Error)) return [];
    expect(started).toBeInstanceOf(TypeError);
    return started.message.split("\n");
  }

  const others = (path: string, mode = "600") =>
    `databaseUrl: others can access ${path}; run chmod ${mode} on it`;
  const group = (path: string) =>
    `databaseUrl: the group can access ${path}; run chmod 600 on it, or set databaseGroupAccess: true if the platform gives the group access to the volume`;

  test.each(["604", "602", "601", "664"])(
    "OP-1: refuses a database and a secret that others can access: %s",
    async (octal) => {
      const mode = parseInt(octal, 8);
      const secret = gate.databasePath.replace(/\.sqlite$/, ".secret");
      writeFileSync(secret, "", { mode: 0o600 });
      for (const path of [gate.databasePath, secret]) chmodSync(path, mode);
      expect(await refusal()).toEqual([others(gate.databasePath), others(secret)]);
      chmodSync(secret, 0o600);
      expect(await refusal()).toEqual([others(gate.databasePath)]);
    },
  );

  test.each(["640", "620", "610"])(
    "OP-1: refuses a database that its group can access, unless a setting allows it: %s",
    async (octal) => {
      chmodSync(gate.databasePath, parseInt(octal, 8));
      expect(await refusal()).toEqual([group(gate.databasePath)]);
      expect(await refusal({ ...ELSEWHERE, databaseGroupAccess: true })).toEqual([]);
    },
  );

  test("OP-1: refuses one that others can access, also if its group may", async () => {
    chmodSync(gate.databasePath, 0o664);
    expect(await refusal({ ...ELSEWHERE, databaseGroupAccess: true })).toEqual([
      others(gate.databasePath, "660"),
    ]);
  });

  test("OP-1: names SQLite's other files only if the mode of the database is right", async () => {
    const wal = `${gate.databasePath}-wal`;
    const shm = `${gate.databasePath}-shm`;
    for (const path of [wal, shm]) chmodSync(path, 0o644);
    expect(await refusal()).toEqual([others(wal), others(shm)]);
    chmodSync(gate.databasePath, 0o644);
    expect(await refusal()).toEqual([others(gate.databasePath)]);
  });

  test("OP-1: starts if only the owner can access the files, and in development in any case", async () => {
    expect(await refusal()).toEqual([]);
    chmodSync(gate.databasePath, 0o666);
    expect(await refusal({})).toEqual([]);
  });
});

test("OP-1: gatehouse serve says how to allow access by the group in the words of variables", async () => {
  const env = {
    NODE_ENV: "production",
    SECRET_KEY: "9QxT2vLw7Zc4NfYb1KpRs8HdJm3GaUeV6oXiCtBqWyE",
  };
  const folder = await folders.empty();
  await folder.run(["migrate", "--create"], { env });
  const path = join(folder.path, "data/gatehouse.sqlite");
  chmodSync(path, 0o660);
  const { stderr } = await folder.run(["serve"], { env });
  expect(stderr.replaceAll(path, "FILE")).toBe(
    "gatehouse: DATABASE_URL: the group can access FILE; run chmod 600 on it, or set DATABASE_GROUP_ACCESS=on if the platform gives the group access to the volume\n",
  );
});
