import { expect, test } from "@jest/globals";
import { sortByReferences } from "../../src/database/copy/target.js";
import type { RunStatement } from "../../src/sql.js";

/** Sorts tables whose foreign keys are these. */
function sort(tables: readonly string[], ...keys: readonly [from: string, to: string][]) {
  const run = () => Promise.resolve(keys.map(([from, to]) => ({ from, to })));
  return sortByReferences(run as RunStatement, tables);
}

test("tables come after those that they refer to, and otherwise stay in their order", async () => {
  expect(await sort([])).toEqual([]);
  expect(await sort(["b", "a", "c"])).toEqual(["b", "a", "c"]);
  expect(await sort(["a", "b", "c"], ["a", "b"], ["b", "c"])).toEqual(["c", "b", "a"]);
  expect(await sort(["a", "b", "c"], ["b", "a"], ["c", "b"])).toEqual(["a", "b", "c"]);
  expect(await sort(["a", "b", "c", "d"], ["a", "d"], ["c", "d"])).toEqual(["d", "a", "b", "c"]);
});

test("tables that refer to themselves or to each other are all there", async () => {
  expect(await sort(["a", "b"], ["a", "a"])).toEqual(["a", "b"]);
  expect(await sort(["a", "b", "c"], ["a", "b"], ["b", "a"])).toEqual(["b", "a", "c"]);
});
