import { chmodSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { setUpFolders } from "../support/command.js";

const PRODUCTION = {
  NODE_ENV: "production",
  SECRET_KEY: "9QxT2vLw7Zc4NfYb1KpRs8HdJm3GaUeV6oXiCtBqWyE",
};

const folders = setUpFolders();
const created = folders.after((folder) => folder.run(["migrate", "--create"], { env: PRODUCTION }));

/** Starts the server on a database with this file mode, and returns the message of its refusal. */
async function serveWith(mode: number, env: Record<string, string> = {}): Promise<string> {
  const folder = await created();
  const path = join(folder.path, "data/gatehouse.sqlite");
  chmodSync(path, mode);
  const { stderr } = await folder.run(["serve"], { env: { ...PRODUCTION, ...env } });
  return stderr.replaceAll(path, "FILE");
}

test("OP-1: a server refuses a database that its group can access, and says how to allow it", async () => {
  expect(await serveWith(0o660)).toBe(
    "gatehouse: DATABASE_URL: the group can access FILE; run chmod 600 on it, or set DATABASE_GROUP_ACCESS=on if the platform gives the group access to the volume\n",
  );
});

test("OP-1: DATABASE_GROUP_ACCESS=on still refuses a database that others can access", async () => {
  expect(await serveWith(0o664, { DATABASE_GROUP_ACCESS: "on" })).toBe(
    "gatehouse: DATABASE_URL: others can access FILE; run chmod 660 on it\n",
  );
});

test("DATABASE_GROUP_ACCESS=on serves a database that its group can access, as in a pod with an fsGroup", async () => {
  const folder = await created();
  chmodSync(join(folder.path, "data/gatehouse.sqlite"), 0o660);
  const server = await folder.serve({ ...PRODUCTION, DATABASE_GROUP_ACCESS: "on" });
  const refused = await server.ask("{ me { id } }");
  expect(JSON.stringify(refused)).toContain("no_credentials");
  expect((await server.stop()).code).toBe(0);
});
