import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { DATABASES } from "../support/databases.js";
import { TRIPLES } from "./casts.js";
import { Explorer } from "./explorer.js";

const TIMEOUT = 3_600_000;

describe.each(DATABASES)("over %s", (database) => {
  let explorer: Explorer;

  beforeAll(async () => {
    explorer = await Explorer.open(database);
  });
  afterAll(() => {
    const { plays, missed } = explorer;
    process.stderr.write(`${database}: ${plays} interleavings in all, ${missed} not reached\n`);
    return explorer.close();
  });

  test.each(TRIPLES.map((cast, index) => [cast, index + 1] as const))(
    "no interleaving breaks the rules: %s",
    async (cast, number) => {
      const before = explorer.plays;
      const found = await explorer.explore(cast);
      const plays = explorer.plays - before;
      process.stderr.write(
        `${database}: ${number} of ${TRIPLES.length}: ${cast}: ${plays} interleavings\n`,
      );
      expect(found).toBeNull();
    },
    TIMEOUT,
  );
});
