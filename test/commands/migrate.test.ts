import { describe, expect, test } from "@jest/globals";
import { CORE } from "../database/version-0.1.js";
import { ROOT, runCommand } from "../support/command.js";
import { DATABASES } from "../support/databases.js";
import { setUpFreshDatabase } from "../support/fresh-database.js";

describe.each(DATABASES)("the migrations over %s", (kind) => {
  const fresh = setUpFreshDatabase(kind);

  test("M-14: succeed in each of four processes that migrate an empty database concurrently", async () => {
    const env = {
      SECRET_KEY: "an example of a secret that is long enough",
      DATABASE_URL: fresh.url,
    };
    const runs = await Promise.all(
      Array.from({ length: 4 }, () => runCommand(["migrate"], { cwd: ROOT, env })),
    );
    const ended = { code: 0, stdout: "The database is up to date.\n", stderr: "" };
    expect(runs).toEqual([ended, ended, ended, ended]);
    const rows = await fresh.sql("SELECT name FROM mikro_orm_migrations");
    const names: string[] = rows.map(({ name }) => name);
    // The command also applied the migrations of the features that are on.
    expect(names.filter((name) => !name.includes(":"))).toHaveLength(CORE.length);
    expect(new Set(names).size).toBe(names.length);
  });
});
