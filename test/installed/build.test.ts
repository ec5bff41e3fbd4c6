import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";

/** The files from which deploy/Dockerfile builds the image. */
const SOURCES = readFileSync("deploy/Dockerfile.dockerignore", "utf8")
  .split("\n")
  .filter((line) => line.startsWith("!"))
  .map((line) => line.slice(1));
const COPIED = [...SOURCES, "dist", "cjs", "assets"];

/** A built copy of this repository. */
let copy: string;

beforeAll(() => {
  copy = mkdtempSync(join(tmpdir(), "build-"));
  for (const name of COPIED) {
    cpSync(name, join(copy, name), { recursive: true, preserveTimestamps: true });
  }
  symlinkSync(join(process.cwd(), "node_modules"), join(copy, "node_modules"));
});

afterAll(() => {
  rmSync(copy, { recursive: true });
});

/** Returns the time of the last change of each built file. */
function builtFiles(): Map<string, number> {
  const files = ["dist", "cjs", "assets"].flatMap((folder) =>
    readdirSync(join(copy, folder), { recursive: true, encoding: "utf8" }).map((name) =>
      join(copy, folder, name),
    ),
  );
  return new Map(files.map((path) => [path, statSync(path).mtimeMs]));
}

test("a build writes nothing if no source has changed", () => {
  const before = builtFiles();
  const { status } = spawnSync("npm", ["run", "--silent", "build"], { cwd: copy });
  expect(status).toBe(0);
  expect(builtFiles()).toEqual(before);
});

test("a build keeps every file that a linked application may use, and deletes only files without a source", async () => {
  const used = [...builtFiles().keys()].filter((path) => !path.endsWith(".built"));
  const stale = ["dist/gone.js", "dist/gone.d.ts", "cjs/gone.js"].map((path) => join(copy, path));
  for (const path of stale) writeFileSync(path, "");
  appendFileSync(join(copy, "src/index.ts"), "\nexport const added = 1;\n");
  const build = spawn("npm", ["run", "--silent", "build"], { cwd: copy, stdio: "inherit" });
  const missing = new Set<string>();
  const watch = setInterval(() => {
    for (const path of used) if (!existsSync(path)) missing.add(path);
  }, 50);
  const [code] = await once(build, "close");
  clearInterval(watch);
  expect(code).toBe(0);
  expect([...missing]).toEqual([]);
  expect(stale.filter((path) => existsSync(path))).toEqual([]);
  expect(readFileSync(join(copy, "dist/index.js"), "utf8")).toContain("export const added");
}, 600_000);
