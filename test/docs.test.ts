import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";

/** `AB-1, AB-2: test/a.test.ts` in a cell of a table. */
const HELD_BY = /\| ([A-Z]+-\d+(?:, [A-Z]+-\d+)*): (test\/\S+\.test\.ts) +\|/g;

const page = readFileSync("docs/security.md", "utf8");
const rows = [...page.matchAll(HELD_BY)].map(([, ids = "", file = ""]) => ({ ids, file }));

describe("a promise of docs/security.md", () => {
  test("names the tests that hold it, each of them", () => {
    const promises = page
      .split("\n")
      .filter((line) => line.startsWith("| ") && line.includes("test/"));
    expect(promises.length).toBeGreaterThan(25);
    expect(rows).toHaveLength(promises.length);
  });

  test.each(rows)("$ids is held by tests of $file that say so in their titles", ({ ids, file }) => {
    expect(existsSync(file)).toBe(true);
    const text = readFileSync(file, "utf8");
    const missing = ids
      .split(", ")
      .filter((id) => !new RegExp(`["'\`][^"'\`\\n]*\\b${id}\\b[^\\n]*:`).test(text));
    expect(missing).toEqual([]);
  });
});
