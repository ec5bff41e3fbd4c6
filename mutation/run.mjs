// `npm run mutation [folder | file …]` changes the code in small ways, one at a time, and runs the tests against each
// change. The changed code is a mutant. A mutant that no test notices is a survivor.
// The run fails if the tests notice less than 95 % of a folder's mutants, or if survivors.json does not list a
// survivor with a reason. It also reports entries of survivors.json that no longer survive.
// The reports are in mutation/.results. A later run tests only what has changed.
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { Stryker } from "@stryker-mutator/core";
// This import sets TEST_RUN, which names the databases of this run.
import "../jest.config.js";
import dropDatabases, { POSTGRES_URL } from "../test/support/drop-databases.mjs";

/** The folders of `src`, and for each the folders or files of `test` that must notice a change in it. */
const TESTS = {
  tokens: ["tokens", "features/token-classes", "authentication/wrong-types.test.ts"],
  keys: ["keys", "maintenance/prune.test.ts"],
  throttling: ["throttling", "features/second-factor/login.test.ts", "http/turns.test.ts"],
  database: ["database"],
  http: [
    "http",
    "attacks/http.test.ts",
    "config/listening.test.ts",
    "database/file-permissions.test.ts",
    "features/metrics",
    "features/seam.test.ts",
    "features/traces/traces.test.ts",
  ],
  apollo: [
    "apollo",
    "attacks/documents.test.ts",
    "features/metrics/metrics.test.ts",
    "http/error-codes.test.ts",
    "http/graphql-over-http.test.ts",
    "http/log.test.ts",
  ],
  config: ["config"],
  accounts: [
    "accounts",
    "authentication/authentication-service.test.ts",
    "authentication/hooks.test.ts",
    "authentication/methods.test.ts",
    "authentication/wrong-types.test.ts",
    "config/role-list.test.ts",
    "database/migrations.test.ts",
    "features/administration/users.test.ts",
    "features/audit/audit-events.test.ts",
    "features/external-login/linking.test.ts",
    "features/external-login/takeover.test.ts",
    "features/import-django/passwords.test.ts",
    "features/recovery/reset.test.ts",
    "features/registration/hooks.test.ts",
    "features/registration/registration.test.ts",
    "features/second-factor/login.test.ts",
    "features/step-up",
    "permissions/own-roles.test.ts",
    "sessions/all-sessions.test.ts",
  ],
  sessions: [
    "sessions",
    "authentication/stateless.test.ts",
    "features/token-classes",
    "maintenance/prune.test.ts",
  ],
  permissions: ["permissions"],
  authentication: [
    "accounts/lockout.test.ts",
    "audit.test.ts",
    "authentication",
    "features/refresh-cookie/refresh-cookie.test.ts",
    "features/step-up",
    "graphql/logout.test.ts",
    "graphql/refresh.test.ts",
    "keys/rotation.test.ts",
    "permissions/require-role.test.ts",
    "permissions/subscriptions.test.ts",
    "sessions/own-sessions.test.ts",
    "sessions/rotation.test.ts",
    "tokens/claims.test.ts",
    "tokens/signing-key.test.ts",
    "tokens/sliding.test.ts",
    "tokens/static-token.test.ts",
  ],
};

/** The folders whose tests also run on PostgreSQL. All others run on SQLite only, which takes half as long. */
const ON_POSTGRESQL = ["throttling", "database"];

/**
 * Tests that cannot notice a mutant, because it is active in one process only. They start other processes, drive a
 * browser, or need Jest to mock a package.
 */
const UNSUITABLE = [
  /command\.test\.ts$/,
  /^test\/http\/(ending|nginx|start-up|two-instances)/,
  /^test\/database\/second-opening/,
  /^test\/config\/(editor|settings-page)/,
  /^test\/attacks\/leaks/,
  /^test\/keys\/instances/,
  /^test\/tokens\/verifiers/,
  /^test\/permissions\/own-fields/,
  /^test\/sessions\/rotation-races/,
  /^test\/accounts\/(every-login-hashes|hashing-storm)/,
];

const NOWHERE = "postgresql://127.0.0.1:1/none";

const LEAST_SCORE = 95;

process.chdir(fileURLToPath(new URL("..", import.meta.url)));
// Without this variable, tests that find no PostgreSQL are skipped instead of failing.
delete process.env.REQUIRE_SERVICES;

const listed = JSON.parse(readFileSync("mutation/survivors.json", "utf8"));
const paths = process.argv.slice(2);
const unknown = paths.filter((path) => !Object.hasOwn(TESTS, folderOf(path)));
if (unknown.length > 0) {
  console.error(`Not mutated: ${unknown}. Choose from ${Object.keys(TESTS).join(", ")}.`);
  process.exit(2);
}
const unexplained = listed.filter(({ reason = "" }) => reason.trim() === "");
if (unexplained.length > 0) {
  console.error(`survivors.json gives no reason for ${JSON.stringify(unexplained)}.`);
  process.exit(2);
}
try {
  for (const path of paths.length > 0 ? paths : Object.keys(TESTS)) await mutate(path);
} finally {
  await dropDatabases();
}

/** Returns `tokens` for `tokens` and for `src/tokens/jwt.ts`. */
function folderOf(path) {
  return path.split("/").at(path.startsWith("src/") ? 1 : 0);
}

async function mutate(path) {
  const folder = folderOf(path);
  process.env.TEST_POSTGRES_URL = ON_POSTGRESQL.includes(folder) ? POSTGRES_URL : NOWHERE;
  const mutated = path === folder ? `src/${folder}/**/*.ts` : path;
  const all = await new Stryker({
    mutate: [mutated],
    testFiles: TESTS[folder].flatMap(findTests),
    // The strings are SQL, names and messages. Emptying them finds little, and would double the number of mutants.
    mutator: { excludedMutations: ["StringLiteral"] },
    testRunner: "files",
    plugins: [fileURLToPath(new URL("runner.js", import.meta.url))],
    buildCommand: `node ${fileURLToPath(new URL("compile.mjs", import.meta.url))}`,
    testRunnerNodeArgs: ["--no-warnings"],
    disableTypeChecks: false,
    coverageAnalysis: "perTest",
    concurrency: 2,
    // Stryker counts the rounds of a loop to stop an endless one, so a long timeout costs little. A short one would
    // stop good tests on a slow machine.
    timeoutMS: 60_000,
    timeoutFactor: 3,
    dryRunTimeoutMinutes: 30,
    // Each run of a test file leaves its module in memory, so a new process starts after this many runs.
    maxTestRunnerReuse: 200,
    incremental: true,
    incrementalFile: `mutation/.results/${folder}.json`,
    tempDirName: "mutation/.sandbox",
    ignorePatterns: ["/bench", "/coverage", "/data", "/examples", "/mutation"],
    reporters: ["progress-append-only"],
    thresholds: { break: null },
    warnings: { slow: false },
  }).runMutationTest();
  // The report also has earlier results of the folder's other files.
  const results = all.filter(({ fileName }) => path === folder || relative("", fileName) === path);
  const count = (...statuses) => results.filter(({ status }) => statuses.includes(status)).length;
  const killed = count("Killed", "Timeout");
  const survivors = results.filter(({ status }) => ["Survived", "NoCoverage"].includes(status));
  const score = (100 * killed) / (killed + survivors.length);
  const found = survivors.map(describe);
  const unlisted = found.filter((survivor) => !listed.some((entry) => isSame(entry, survivor)));
  const outdated = listed
    .filter(({ file }) => (path === folder ? folderOf(file) === folder : file === path))
    .filter((entry) => !found.some((survivor) => isSame(entry, survivor)));
  console.log(
    `${path}: ${killed} killed, ${survivors.length} survived, ${unlisted.length} of them not listed, ` +
      `${count("RuntimeError")} not tested: ${score.toFixed(1)} %`,
  );
  for (const survivor of unlisted) console.log(JSON.stringify(survivor));
  for (const entry of outdated) console.log(`Listed, but not a survivor: ${JSON.stringify(entry)}`);
  if (score < LEAST_SCORE || unlisted.length > 0) process.exitCode = 1;
}

function findTests(path) {
  if (path.endsWith(".test.ts")) return [join("test", path)];
  return readdirSync(join("test", path), { recursive: true })
    .map((name) => join("test", path, name))
    .filter((path) => path.endsWith(".test.ts") && !UNSUITABLE.some((name) => name.test(path)));
}

/** Returns a survivor as an entry of survivors.json, without its `reason`. */
function describe({ fileName, location, replacement }) {
  const file = fileName.slice(fileName.indexOf("src/"));
  const code = readFileSync(file, "utf8").split("\n")[location.start.line - 1].trim();
  const mutant = replacement
    .split("\n")
    .map((line) => line.trim())
    .join(" ");
  return { file, line: location.start.line, code, mutant };
}

/** Returns whether two entries are the same change. Their line numbers may differ. */
function isSame(one, other) {
  return ["file", "code", "mutant"].every((name) => one[name] === other[name]);
}
