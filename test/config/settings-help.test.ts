import { expect, test } from "@jest/globals";
import type { Setting } from "../../src/config/setting.js";
import { describeDefault, describeSetting, renderHelp } from "../../src/config/settings-help.js";
import { setting } from "../../src/index.js";

test("the help has an entry for each setting with a variable, indented, and takes an application's sentence from it", () => {
  const doc = "How many notes a user may keep.";
  const settings = {
    notes: setting.wholeNumber({ variable: "NOTES", doc, from: 1, to: 100, default: 10 }),
    hidden: setting.onOff({ doc: "Only an option." }),
    key: setting.text({ variable: "KEY" }),
  };
  const widths: number[] = [];
  const wrap = (text: string, width: number) => {
    widths.push(width);
    return text.replaceAll(". ", ".\n");
  };
  const [introduction, ...entries] = renderHelp(settings, { key: "The key." }, wrap, 80).split(
    "\n\n",
  );
  expect(introduction).toMatch(/^Settings are environment variables\.\n/);
  expect(entries).toEqual([
    `  NOTES (default: 10)\n      ${doc}\n      Must be from 1 to 100.`,
    "  KEY (default: none)\n      The key.\n      Must be text of 1 to 255 characters.",
  ]);
  expect(widths).toEqual([74, 74, 80]);
});

const { check } = setting.text({});

test.each<[Partial<Setting>, sentence: string | undefined, text: string]>([
  [{}, undefined, ""],
  [{}, "A sentence.", "A sentence."],
  [{ doc: "Own." }, "A sentence.", "Own."],
  [{ allowed: "a name" }, "A sentence.", "A sentence. Must be a name."],
  [{ allowed: "a name" }, undefined, "Must be a name."],
  [{ allowed: { option: "true", variable: "on" } }, undefined, "Must be on."],
  [{ hint: "`x` makes one" }, "A sentence.", "A sentence. `x` makes one."],
  [{ allowed: "a name", hint: "`x` makes one" }, undefined, "Must be a name; `x` makes one."],
  [{ allowed: "postgresql://…" }, undefined, "Must be postgresql://…"],
])("a setting %j with the sentence %j is described as: %s", (entry, sentence, text) => {
  expect(describeSetting({ check, ...entry }, sentence, "variable")).toBe(text);
});

test.each<[Partial<Setting>, text: string]>([
  [{}, "none"],
  [{ default: { option: "true", variable: "on" } }, "on"],
  [
    { default: { option: "true", variable: "on" }, defaultNote: "on in development" },
    "on in development",
  ],
])("the default of %j is shown as: %s", (entry, text) => {
  expect(describeDefault({ check, ...entry }, "variable")).toBe(text);
});
