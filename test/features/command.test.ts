import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { runCommand } from "../support/command.js";

const COMMAND = `commands: [{ name: "note", description: "add a note", run: async () => {} }]`;
const MODULES = {
  "switch.mjs": `export const notes = { name: "notes", isOn: ({ notes }) => notes, ${COMMAND}, create: () => ({}),
    settings: { other: { variable: "OTHER", check: z.boolean().default(false), read: (text) => text === "on" },
      notes: { variable: "NOTES", check: z.boolean().default(false), read: (text) => text === "on" } } };
  import { z } from "${import.meta.resolve("zod")}";`,
  "off.mjs": `export const notes = { name: "notes", isOn: () => false, ${COMMAND}, create: () => ({}) };`,
  "twin.mjs": `export const twin = { name: "health", create: () => ({}) };`,
  "serve.mjs": `export const notes = { name: "notes", create: () => ({}), commands: [
    { name: "serve", description: "serve notes", run: async () => {} }] };`,
  "typed.ts": "export const notes: object = {};",
  "empty.mjs": "export const nothing = {};",
};
const MISSING = /^gatehouse: The feature \.\/nope\.js cannot be loaded: .*\n$/;

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "features-"));
  await writeFile(join(folder, "package.json"), "{}");
  for (const [name, text] of Object.entries(MODULES)) await writeFile(join(folder, name), text);
});

afterAll(() => rm(folder, { recursive: true }));

/** Runs the command in the folder of the modules. */
function gatehouse(FEATURES: string, ...args: string[]) {
  return runCommand([...args], { cwd: folder, env: { FEATURES } });
}

describe("features that cannot be loaded", () => {
  test("do not stop --help or generate-secret, which print one line about them", async () => {
    const [help, secret] = await Promise.all([
      gatehouse("./nope.js", "--help"),
      gatehouse("./nope.js", "generate-secret"),
    ]);
    expect([help.code, secret.code]).toEqual([0, 0]);
    expect(help.stdout).toContain("generate-secret");
    expect(secret.stdout).toMatch(/^[\w-]{43,}\n$/);
    expect(help.stderr).toMatch(MISSING);
    expect(secret.stderr).toMatch(MISSING);
  });

  test.each([["serve"], ["migrate"], ["note"]])("stop %s, in one line", async (command) => {
    const { code, stdout, stderr } = await gatehouse("./nope.js", command);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(MISSING);
  });

  test.each([
    [
      "nope.js",
      "The feature nope.js cannot be loaded: there is no such package; write ./nope.js for a file",
    ],
    ["./typed.ts", "The feature ./typed.ts cannot be loaded: it must be JavaScript"],
    ["./empty.mjs", "The module ./empty.mjs exports no feature."],
    ["./twin.mjs", "FEATURES: two are called health"],
    ["./serve.mjs", "FEATURES: two commands are called serve"],
  ])("are reported with a reason: %s", async (features, line) => {
    expect(await gatehouse(features, "migrate")).toEqual({
      code: 1,
      stdout: "",
      stderr: `gatehouse: ${line}\n`,
    });
  });
});

test("a command of a feature that is off says so, and is not in --help", async () => {
  const [note, help] = await Promise.all([
    gatehouse("./off.mjs", "note", "--loud", "text"),
    gatehouse("./off.mjs", "--help"),
  ]);
  expect(note).toEqual({
    code: 1,
    stdout: "",
    stderr: "gatehouse: note is a command of the feature notes, which is off\n",
  });
  expect(help.stdout).not.toContain("note");
});

test("a command of a feature that is off names the variable that switches it on", async () => {
  const { stderr } = await gatehouse("./switch.mjs", "note");
  expect(stderr).toBe(
    "gatehouse: note is a command of the feature notes, which is off. Set NOTES=on\n",
  );
});

describe("the options of a feature's command", () => {
  const OPTIONS = `[
    { name: "dry-run", description: "write nothing" },
    { name: "days", value: "number", description: "for how long", isRequired: true },
    { name: "kind", value: "kind", description: "which kind", choices: ["a", "b"], default: "a" }]`;
  const SOURCE = `export const notes = { name: "notes", create: () => ({}), commands: [
    { name: "note", description: "add a note", arguments: ["<text>"], options: ${OPTIONS},
      run: async (core, config, args, print, { dryRun, days, kind }) => print(JSON.stringify({ args, dryRun, days, kind })) }] };`;

  test("reach its function by name", async () => {
    await writeFile(join(folder, "options.mjs"), SOURCE);
    const note = async (...words: string[]) => {
      const { stdout } = await gatehouse("./options.mjs", "note", ...words);
      return JSON.parse(stdout);
    };
    expect((await gatehouse("./options.mjs", "migrate", "--create")).code).toBe(0);
    expect(await note("hello", "--days", "7")).toEqual({ args: ["hello"], days: "7", kind: "a" });
    expect(await note("--kind", "b", "--days=7", "--dry-run", "hello")).toEqual({
      ...{ args: ["hello"], dryRun: true, days: "7", kind: "b" },
    });
  });

  test("are checked, and listed in its help", async () => {
    await writeFile(join(folder, "options.mjs"), SOURCE);
    const note = (...words: string[]) => gatehouse("./options.mjs", "note", ...words);
    const [missing, wrong, unknown, help] = await Promise.all([
      note("hello"),
      note("hello", "--days", "7", "--kind", "c"),
      note("hello", "--days", "7", "--loud"),
      note("--help"),
    ]);
    expect(missing).toMatchObject({
      ...{ code: 64, stderr: "gatehouse: required option '--days <number>' not specified\n" },
    });
    expect([wrong.code, unknown.code]).toEqual([64, 64]);
    expect(wrong.stderr).toContain("Allowed choices are a, b.");
    expect(help.stdout).toMatch(/--days <number> +for how long/);
  });
});

test("no feature can have a command with the name of a core command", async () => {
  const { stdout } = await gatehouse("", "--help");
  const commands = [...stdout.matchAll(/^ {2}([a-z][\w-]+) /gm)].map(([, name = ""]) => name);
  expect(commands).toContain("serve");
  const described = commands.map((name) => ({ name, description: "d", run: 0 }));
  const source = `export const notes = { name: "notes", create: () => ({}),
    commands: ${JSON.stringify(described)}.map((command) => ({ ...command, run: async () => {} })) };`;
  await writeFile(join(folder, "all.mjs"), source);
  const { stderr } = await gatehouse("./all.mjs", "migrate");
  expect(stderr.trim().split("\n")).toEqual(
    commands.map((name) => `gatehouse: FEATURES: two commands are called ${name}`),
  );
});
