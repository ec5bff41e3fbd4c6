// Builds dist, cjs and assets/graphiql in place. A linked application may be using them, so only files without a source
// are deleted. Does nothing if no source has changed since the last build.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

process.chdir(fileURLToPath(new URL("..", import.meta.url)));

const SOURCES = ["src", "scripts", "graphiql"];
const LOOSE_SOURCES = [
  "package.json",
  "package-lock.json",
  "tsconfig.json",
  "tsconfig.build.json",
  "tsconfig.client.json",
];
/** For each output, the file that is written last. */
const OUTPUTS = [
  "dist/cli.js",
  "dist/settings-help.json",
  "cjs/package.json",
  "assets/graphiql/main.js",
];
/** The file with the hash of the sources of the last build. */
const STAMP = "dist/.built";

const stamp = describeSources();
const isBuilt = [STAMP, ...OUTPUTS].every((path) => existsSync(path));
if (isBuilt && readFileSync(STAMP, "utf8") === stamp) process.exit(0);

rmSync(STAMP, { force: true });
run("node_modules/typescript/bin/tsc", "-p", "tsconfig.build.json");
run("node_modules/typescript/bin/tsc", "-p", "tsconfig.client.json");
for (const path of filesIn("dist")) {
  const source = path.replace(/^dist/, "src").replace(/(\.d\.ts|\.js|\.js\.map)$/, ".ts");
  if (source.endsWith(".ts") && !existsSync(source)) rmSync(path);
}
chmodSync("dist/cli.js", 0o755);
run("scripts/settings-help.mjs");
run("scripts/build-commonjs.mjs");
run("scripts/copy-graphiql.mjs");
writeFileSync(STAMP, stamp);

/** Returns a hash of the names and the contents of all sources. */
function describeSources() {
  const hash = createHash("sha256");
  for (const path of [...SOURCES.flatMap(filesIn), ...LOOSE_SOURCES]) {
    hash.update(`${path}\0`).update(readFileSync(path)).update("\0");
  }
  return hash.digest("hex");
}

function filesIn(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

function run(script, ...parameters) {
  const { status } = spawnSync(process.execPath, [script, ...parameters], { stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}
