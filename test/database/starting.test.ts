import { describe, expect, test } from "@jest/globals";
import type { Clock } from "../../src/database/database-clock.js";
import { UNFINISHED_COPY } from "../../src/database/migrations/unfinished-copy.js";
import { DATABASES } from "../support/databases.js";
import { setUpFreshDatabase } from "../support/fresh-database.js";
import { recordStatements } from "../support/statements.js";

describe.each(DATABASES)("over %s", (kind) => {
  const fresh = setUpFreshDatabase(kind);

  test("an empty database gets its tables only if the settings allow it", async () => {
    await (await fresh.open()).close();
    await expect((await fresh.open([], { createDatabase: false })).migrate()).rejects.toThrow(
      /^The database has no tables of Gatehouse\. Check the path\. If the database is new/,
    );
    expect(await (await fresh.open()).migrate()).not.toEqual([]);
    expect(await (await fresh.open([], { createDatabase: false })).migrate()).toEqual([]);
  });

  test("a copy that is not complete is refused, except by the copy itself", async () => {
    const copy = await fresh.open([UNFINISHED_COPY]);
    expect(await copy.migrate()).toContain("copy-database:unfinished");
    expect(await copy.readOnce("SELECT * FROM database_copy", [])).toEqual([]);
    const refusal =
      "This database is a copy that is not complete. Run `gatehouse copy-database` again.";
    await expect((await fresh.open()).migrate()).rejects.toThrow(refusal);
    expect(await copy.migrate()).toEqual([]);
  });

  test("the clock shows the time, until it is closed", async () => {
    const database = await fresh.open();
    const warnings: Error[] = [];
    const onWarning = (warning: Error) => warnings.push(warning);
    let clock!: Clock;
    const statements = await recordStatements(async () => {
      clock = await database.startClock({ leeway: 60, onWarning });
    });
    // SQLite has no server, so its clock is this machine's.
    expect(statements).toHaveLength(kind === "sqlite" ? 0 : 1);
    expect(Math.abs(clock.now() - Date.now())).toBeLessThan(30_000);
    expect(Number.isInteger(clock.now())).toBe(true);
    const closing = clock.close();
    expect(closing).toBeInstanceOf(Promise);
    await closing;
    expect(warnings).toEqual([]);
  });
});
