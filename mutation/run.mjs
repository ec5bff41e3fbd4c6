// Changes the code in small ways, one at a time, and runs the tests against each change: `npm run mutation [folder …]`.
// Fails if a folder's tests notice less than 95 % of the changes, or if survivors.json does not list a survivor.
import { mkdir, readFile } from "node:fs/promises";
import { Stryker } from "@stryker-mutator/core";

/** The folders of `src`, and for each the folders of `test` that must notice a change in it. */
const TESTS = {
  tokens: ["tokens"],
  keys: ["keys"],
  throttling: ["throttling"],
  database: ["database"],
  http: ["http", "attacks"],
  apollo: ["apollo", "http", "attacks"],
  config: ["config"],
  accounts: ["accounts"],
  sessions: ["sessions"],
  permissions: ["permissions"],
  authentication: ["authentication"],
};

const LEAST_SCORE = 95;

const listed = JSON.parse(await readFile(new URL("survivors.json", import.meta.url), "utf8"));
const folders = process.argv.slice(2);
const unknown = folders.filter((folder) => !Object.hasOwn(TESTS, folder));
if (unknown.length > 0) {
  console.error(`Not a mutated folder: ${unknown}. Choose from ${Object.keys(TESTS).join(", ")}.`);
  process.exit(2);
}
for (const folder of folders.length > 0 ? folders : Object.keys(TESTS)) await mutate(folder);

async function mutate(folder) {
  process.env.MUTATION_TESTS = TESTS[folder].join();
  await mkdir("mutation/.results", { recursive: true });
  const results = await new Stryker({
    configFile: "mutation/stryker.config.mjs",
    mutate: [`src/${folder}/**/*.ts`],
    incrementalFile: `mutation/.results/${folder}.json`,
  }).runMutationTest();
  const count = (...statuses) => results.filter(({ status }) => statuses.includes(status)).length;
  const killed = count("Killed", "Timeout");
  const survivors = results.filter(({ status }) => ["Survived", "NoCoverage"].includes(status));
  const score = (100 * killed) / (killed + survivors.length);
  const unlisted = await findUnlisted(survivors);
  console.log(
    `${folder}: ${killed} killed, ${survivors.length} survived, ${unlisted.length} of them not listed: ${score.toFixed(1)} %`,
  );
  for (const survivor of unlisted) console.log(JSON.stringify(survivor));
  if (score < LEAST_SCORE || unlisted.length > 0) process.exitCode = 1;
}

/** Returns the survivors that survivors.json does not list, in its form. */
async function findUnlisted(survivors) {
  const found = [];
  for (const { fileName, location, replacement } of survivors) {
    const file = fileName.slice(fileName.indexOf("src/"));
    const lines = (await readFile(file, "utf8")).split("\n");
    const code = lines[location.start.line].trim();
    const mutant = replacement.split("\n").map((line) => line.trim()).join(" ");
    const isListed = listed.some(
      (other) => other.file === file && other.code === code && other.mutant === mutant,
    );
    if (!isListed) found.push({ file, line: location.start.line + 1, code, mutant });
  }
  return found;
}
