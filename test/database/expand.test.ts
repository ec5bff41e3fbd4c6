import { describe, expect, test } from "@jest/globals";
import { listMigrations } from "../../src/database/migrations/list.js";
import { featuresWith } from "../../src/features/index.js";
import type { Migration } from "../../src/sql.js";

/**
 * Migrations that remove something, each with the first version that no longer needs it. A migration may be added
 * here only if the previous version is the listed one or a later one, because the previous version still runs during
 * the migration.
 */
const CONTRACTIONS: Readonly<Record<string, string>> = {};

/**
 * Changes that the previous version cannot work with, because it reads and writes the schema of its own migrations.
 */
const CONTRACTS = [
  /\bdrop\b/i,
  /\brename\b/i,
  /\badd\s+column\b(?!.*\bdefault\b).*\bnot\s+null\b/is,
  /\bset\s+not\s+null\b/i,
  /\balter\s+column\b.*\btype\b/is,
  /\badd\s+(constraint|check|unique|foreign|primary)\b/i,
];

const UNIQUE_INDEX = /create\s+unique\s+index\s+"\w+"\s+on\s+"(\w+)"\s*\(([^)]*)\)/i;

/** Returns the statements that remove something, or that forbid rows which the previous version may write. */
function findContractions({ statements }: Pick<Migration, "statements">): string[] {
  const text = statements.join("\n");
  return statements.filter((statement) => {
    if (CONTRACTS.some((pattern) => pattern.test(statement))) return true;
    const [, table, columns = ""] = UNIQUE_INDEX.exec(statement) ?? [];
    if (table === undefined || text.includes(`create table "${table}"`)) return false;
    const names = [...columns.matchAll(/"(\w+)"/g)].map(([, name]) => name);
    // The previous version leaves a new column null, and a unique index allows many nulls.
    return !names.some((name) => text.includes(`add column "${name}"`));
  });
}

describe("the migrations", () => {
  test.each(listMigrations(featuresWith([])))(
    "$name only adds to the schema, so the previous version still works with it",
    ({ name, statements }) => {
      const found = findContractions({ statements });
      expect(found.length > 0).toBe(name in CONTRACTIONS);
    },
  );

  test.each([
    [`drop table "note"`],
    [`drop index "note_text_index"`],
    [`alter table "note" drop column "text"`],
    [`alter table "note" rename column "text" to "body"`],
    [`alter table "note" rename to "notes"`],
    [`alter table "note" add column "text" text not null`],
    [`alter table "note" alter column "text" set not null`],
    [`alter table "note" alter column "text" type bigint`],
    [`alter table "note" add constraint "note_text" check ("text" <> '')`],
    [`create unique index "note_text_unique" on "note" ("text")`],
  ])("may not contain: %s", (statement) => {
    expect(findContractions({ statements: [statement] })).toEqual([statement]);
  });

  test.each([
    [
      [
        `create table "note" ("id" text not null primary key)`,
        `create unique index "x" on "note" ("id")`,
      ],
    ],
    [
      [
        `alter table "note" add column "text" text null`,
        `create unique index "x" on "note" ("text")`,
      ],
    ],
    [[`alter table "note" add column "size" integer not null default 0`]],
    [[`create index "note_size_index" on "note" ("size")`]],
  ])("may contain: %j", (statements) => {
    expect(findContractions({ statements })).toEqual([]);
  });
});
