import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { runCommand } from "../support/command.js";

const COMMAND = `commands: [{ name: "note", description: "add a note", run: async () => {} }]`;
const MODULES = {
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
  test("stop neither --help nor generate-secret, which print one line about it", async () => {
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
  ])("are reported with the reason: %s", async (features, line) => {
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

test("no feature can have a command of the core", async () => {
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
