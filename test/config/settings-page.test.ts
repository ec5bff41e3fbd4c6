import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "@jest/globals";
import { allSettings, variablesOf } from "../../src/config/environment.js";
import type { Setting } from "../../src/config/setting.js";
import { describeDefault, describeSetting } from "../../src/config/settings-help.js";
import { BUILT_IN } from "../../src/features/index.js";
import { setting } from "../../src/index.js";
import { readSentences } from "../../scripts/settings-sentences.mjs";
import { renderSettingsPage } from "../../scripts/settings-page.mjs";
import { runNode } from "../support/node-process.js";

const CLI = fileURLToPath(new URL("../../dist/cli.js", import.meta.url));
const SETTINGS = allSettings(BUILT_IN);
const WORDS = { describe: describeSetting, defaultOf: describeDefault };

test("docs/settings.md matches the declared settings", async () => {
  const page = readFileSync("docs/settings.md", "utf8");
  const sentences = await readSentences();
  expect(await renderSettingsPage(page, SETTINGS, sentences, WORDS)).toBe(page);
});

test("docs/settings.md would differ if a setting changed its sentence, range or default", async () => {
  const page = readFileSync("docs/settings.md", "utf8");
  const sentences = await readSentences();
  const lifetime = {
    variable: "ACCESS_TOKEN_LIFETIME",
    from: "1m",
    to: "2h",
    default: "10m",
  } as const;
  const changed = await renderSettingsPage(
    page,
    { ...SETTINGS, accessTokenLifetime: setting.duration(lifetime) },
    { ...sentences, accessTokenLifetime: "How long it lives." },
    WORDS,
  );
  const row = changed.split("\n").find((line) => line.startsWith("| `accessTokenLifetime`"));
  expect(row?.replaceAll(/ +/g, " ")).toBe(
    "| `accessTokenLifetime` | `ACCESS_TOKEN_LIFETIME` | `10m` | How long it lives. Must be from 1m to 2h. |",
  );
});

test("every setting has a sentence", async () => {
  expect(Object.keys(await readSentences()).sort()).toEqual(Object.keys(SETTINGS).sort());
});

test("only a setting with a variable has a default in the words of variables", () => {
  const isUnread = ([, { variable, defaultNote }]: [string, Setting]) =>
    variable === undefined && typeof defaultNote === "object";
  expect(Object.entries(SETTINGS).filter(isUnread)).toEqual([]);
});

test("gatehouse serve --help lists every variable with its default, sentence and range, within 80 columns", async () => {
  const { code, stdout } = await runNode([CLI, "serve", "--help"], { cwd: "." });
  expect(code).toBe(0);
  const listed = [...stdout.matchAll(/^ {2}([A-Z_]+) \(default: .+\)$/gm)].map(([, name]) => name);
  expect(listed).toEqual([...variablesOf(SETTINGS).values()]);
  expect(stdout).toContain(
    "  ACCESS_TOKEN_LIFETIME (default: 5m)\n" +
      "      How long an access token lives. Must be from 1m to 1h.\n",
  );
  expect(stdout.split("\n").filter((line) => line.length > 80)).toEqual([]);
});
