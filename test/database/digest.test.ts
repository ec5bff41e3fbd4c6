import { describe, expect, test } from "@jest/globals";
import { Digest } from "../../src/database/copy/digest.js";
import { comparable } from "../../src/database/copy/target.js";

const ROWS = [
  ["a", null],
  ["b", "1"],
  ["c", "ü"],
];

function digestOf(rows: readonly (string | null)[][], digest = new Digest()): Digest {
  for (const row of rows) digest.add(row);
  return digest;
}

test("rows are compared without the columns whose text differs between the databases", () => {
  const typeOf = (type: string) => ({ name: type, type });
  const equal = ["text", "character varying", "smallint", "integer", "bigint", "json", "bytea"];
  const columns = ["double precision", ...equal, "boolean", "timestamp"].map(typeOf);
  const names = columns.map(({ name }) => name);
  expect(comparable(names, columns)).toEqual([...equal, "boolean"]);
});

describe("the digest of rows", () => {
  test("is the same in any order", () => {
    const reversed = digestOf(ROWS.toReversed());
    expect(reversed.equals(digestOf(ROWS))).toBe(true);
    expect(reversed.text).toBe(digestOf(ROWS).text);
  });

  test("differs if a value, the number of rows or the sum of their hashes differs", () => {
    const digest = digestOf(ROWS);
    expect(digest.equals(digestOf([...ROWS.slice(1), ["a", ""]]))).toBe(false);
    expect(digest.equals(digestOf(ROWS.slice(1)))).toBe(false);
    expect(new Digest(1).equals(new Digest(2))).toBe(false);
    expect(new Digest(1, "a").equals(new Digest(1, "b"))).toBe(false);
    expect(new Digest(1, "a").equals(new Digest(1, "a"))).toBe(true);
  });

  test("continues from the recorded number and text", () => {
    const begun = digestOf(ROWS.slice(0, 2));
    const continued = digestOf(ROWS.slice(2), new Digest(begun.rows, begun.text));
    expect([continued.rows, continued.text]).toEqual([3, digestOf(ROWS).text]);
  });

  test("has the text that earlier versions have recorded", () => {
    expect([new Digest().rows, new Digest().text]).toEqual([0, "0"]);
    expect(digestOf(ROWS).text).toBe("99541952e017a301");
    expect(digestOf(Array.from({ length: 50 }, (_, index) => [`${index}`])).text).toBe(
      "838acb971b150072",
    );
  });
});
