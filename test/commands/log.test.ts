import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { setUpFolders } from "../support/command.js";

const { version } = JSON.parse(readFileSync("package.json", "utf8"));

const folders = setUpFolders();

test("without a terminal serve logs only JSON: its start, its stop, and every request except health probes", async () => {
  const folder = await folders.empty();
  const server = await folder.serve();
  for (const path of ["/health/live", "/health/ready"]) {
    expect((await fetch(server.url + path)).status).toBe(200);
  }
  await server.ask("{ me { id } }");
  const { stdout } = await server.stop();
  const lines = stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(lines).toContainEqual(
    expect.objectContaining({
      msg: `Gatehouse listens on ${server.url}`,
      url: server.url,
      version,
      database: `sqlite:${join(folder.path, "data/gatehouse.sqlite")}`,
      migrations: expect.arrayContaining(["2026-11-22-accounts-keys-sessions"]),
      mode: "development",
    }),
  );
  expect(lines.at(-1).msg).toBe("Gatehouse has stopped");
  expect(lines.filter(({ msg }) => msg === "request").map(({ path }) => path)).toEqual([
    "/graphql",
  ]);
});
