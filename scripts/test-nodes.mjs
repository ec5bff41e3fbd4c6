// Runs the tests of start, login, client and embedding on other versions of Node, which npm's registry has as packages.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Two versions with long-term support, and the newest. */
const VERSIONS = ["22.23.3", "24.21.0", "26.10.0"];

const RUNS = [
  ["test/http/start-up", "test/graphql/login", "test/client/login", "test/client/process"],
  ["--config", "test/installed/jest.config.js", "test/installed/embed"],
];

const folder = mkdtempSync(join(tmpdir(), "nodes-"));
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));

/** Runs a command, and returns what it printed. Ends this process when `isRequired` and the command fails. */
function run(command, parameters, { cwd, isRequired = false } = {}) {
  const ended = spawnSync(command, parameters, {
    cwd,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  process.stdout.write(ended.stdout);
  if (ended.status !== 0) process.exitCode = 1;
  if (ended.status !== 0 && isRequired) process.exit(1);
  return ended.stdout;
}

const platform = `${process.platform === "win32" ? "win" : process.platform}-${process.arch}`;
const packages = VERSIONS.map((version) => `node-${version}@npm:node-${platform}@${version}`);
run("npm", ["install", "--no-audit", "--no-fund", "--prefix", folder, ...packages], {
  isRequired: true,
});

let [passed, failed] = [0, 0];
for (const version of VERSIONS) {
  const node = join(folder, `node_modules/node-${version}/bin/node`);
  for (const parameters of RUNS) {
    console.log(`\nOn Node ${version}: ${parameters.join(" ")}`);
    const jest = "node_modules/jest/bin/jest.js";
    const output = run(node, ["--no-warnings", "--experimental-vm-modules", jest, ...parameters]);
    // .ci/totals.mjs prints this line. Without it, the tests did not finish.
    const [, ok = 0, bad = 1] = /^(\d+) passed, (\d+) failed/m.exec(output) ?? [];
    passed += Number(ok);
    failed += Number(bad);
  }
}
console.log(`${passed} passed, ${failed} failed`);
