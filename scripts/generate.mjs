// Writes the files that are generated from the code. With --check, compares them instead, and fails if one differs.
import "reflect-metadata";
import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { findTests, renderConformance } from "./conformance-page.mjs";
import { EVERY_FIELD } from "./every-field.mjs";
import { renderPermissions } from "./permissions-page.mjs";
import { renderSettingsPage } from "./settings-page.mjs";
import { readSentences } from "./settings-sentences.mjs";

const ROOT = new URL("../", import.meta.url);
// Load the package as CommonJS, because its ES modules import a name that this project's version of
// @graphql-tools/utils lacks.
const codegen = createRequire(import.meta.url)("@graphql-codegen/cli");
const CLIENT_TYPES = "src/client/operations.generated.ts";

async function generate() {
  const { readGuards } = await importBuilt("permissions/guard-map.js");
  const { schema, typeDefs } = await openComplete();
  return {
    "schema.graphql": typeDefs,
    "docs/permissions.md": renderPermissions(schema, readGuards(schema, { strict: true })),
    "docs/conformance.md": renderConformance(await readCases(), await readTests()),
    "docs/settings.md": await renderSettings(),
    [CLIENT_TYPES]: await renderClientTypes(),
  };
}

/** Returns the schema of a server in development with every field. */
async function openComplete() {
  const { createServer } = await importBuilt("index.js");
  const folder = await mkdtemp(join(tmpdir(), "gatehouse-"));
  const server = await createServer({
    databaseUrl: `sqlite:${join(folder, "generate.sqlite")}`,
    secretKey: randomBytes(32).toString("base64url"),
    port: 0,
    logLevel: "silent",
    ...EVERY_FIELD,
  });
  await server.close();
  await rm(folder, { recursive: true });
  return server.auth;
}

/** Returns the current page with a new table, made from the entries of all settings. */
async function renderSettings() {
  const { allSettings } = await importBuilt("config/environment.js");
  const { describeDefault, describeSetting } = await importBuilt("config/settings-help.js");
  const { BUILT_IN } = await importBuilt("features/index.js");
  const page = await readFile(new URL("docs/settings.md", ROOT), "utf8");
  const words = { describe: describeSetting, defaultOf: describeDefault };
  return renderSettingsPage(page, allSettings(BUILT_IN), await readSentences(), words);
}

/** Returns the types that `graphql-codegen` generates from the client's operations. */
async function renderClientTypes() {
  const { config } = await codegen.loadCodegenConfig({ configFilePath: "codegen.yml" });
  const generates = { [CLIENT_TYPES]: config.generates[CLIENT_TYPES] };
  const [file] = await codegen.generate({ ...config, generates, silent: true }, false);
  return file.content;
}

function importBuilt(path) {
  return import(new URL(`dist/${path}`, ROOT));
}

async function readCases() {
  return JSON.parse(await readFile(new URL("test/conformance/cases.json", ROOT), "utf8"));
}

async function readTests() {
  const entries = await readdir(new URL("test/", ROOT), { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile() && entry.name.endsWith(".test.ts"))
    .map((entry) => `${entry.parentPath}/${entry.name}`)
    .map((path) => relative(fileURLToPath(ROOT), path).replaceAll("\\", "/"))
    .sort();
  const texts = await Promise.all(files.map((file) => readFile(new URL(file, ROOT), "utf8")));
  return files.flatMap((file, index) => findTests(file, texts[index]));
}

async function write(files) {
  await mkdir(new URL("docs/", ROOT), { recursive: true });
  for (const [path, text] of Object.entries(files)) await writeFile(new URL(path, ROOT), text);
}

async function check(files) {
  for (const [path, text] of Object.entries(files)) {
    const committed = await readFile(new URL(path, ROOT), "utf8").catch(() => null);
    if (committed === text) continue;
    console.error(
      `${path} does not match the code: run \`npm run generate\`, and commit the file.`,
    );
    process.exitCode = 1;
  }
}

const files = await generate();
await (process.argv.includes("--check") ? check(files) : write(files));
