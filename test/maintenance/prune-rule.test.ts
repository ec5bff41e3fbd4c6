import { beforeEach, describe, expect, test } from "@jest/globals";
import type { Database } from "../../src/database/database.js";
import { MaintenanceService } from "../../src/maintenance/maintenance.service.js";
import { deleteBatch, prunableAt, type PruneRule } from "../../src/maintenance/prune-rule.js";
import { DATABASES } from "../support/databases.js";
import { setUpFreshDatabase } from "../support/fresh-database.js";

const NOW = 1_800_000_000_000;
const RULE: PruneRule = {
  statement: deleteBatch("note", "id", "ends_at <= ?", "ends_at"),
  parameters: (now) => [now],
};
const KEYS = { reload: () => Promise.resolve(), rotateIfDue: () => Promise.resolve() };

describe.each(DATABASES)("rules for a table of the core or of a feature, over %s", (kind) => {
  const fresh = setUpFreshDatabase(kind);
  let database: Database;
  let maintenance: MaintenanceService;

  beforeEach(async () => {
    const statements = [`create table "note" ("id" text primary key, "ends_at" bigint not null)`];
    database = await fresh.open([{ name: "notes", migrations: [{ name: "notes", statements }] }]);
    await database.migrate();
    maintenance = new MaintenanceService(database, { now: () => NOW }, KEYS);
    maintenance.addPruneRules([RULE]);
  });

  const add = async (amount: number, endsAt: number) => {
    const values = Array.from(
      { length: amount },
      (_, index) => `('${endsAt}-${index}', ${endsAt})`,
    );
    await database.write(`INSERT INTO note (id, ends_at) VALUES ${values.join()} RETURNING id`, []);
  };
  const count = async () => {
    const [row] = await database.read<{ n: number }>(`SELECT count(*) AS n FROM note`, []);
    return Number(row?.n);
  };

  test("prune deletes what the rule selects, batch by batch, and nothing else", async () => {
    await add(2500, NOW);
    await add(3, NOW + 1);
    const progress: number[] = [];
    expect(await maintenance.prune((deleted) => progress.push(deleted))).toBe(2500);
    expect(progress).toEqual([1000, 2000, 2500]);
    expect(await count()).toBe(3);
    expect(await maintenance.prune()).toBe(0);
  });

  test("prune ends after the current batch when the maintenance stops, even if other rules are left", async () => {
    maintenance.addPruneRules([RULE]);
    await add(2500, NOW);
    expect(await maintenance.prune(() => void maintenance.stop())).toBe(1000);
    expect(await count()).toBe(1500);
  });
});

test("a row may be pruned once its expiry, the leeway and a minute are over", () => {
  expect(prunableAt(NOW, 5)).toBe(NOW - 65_000);
});
