import type { Migration } from "../../sql.js";

/** Adds the column that counts failed logins, and the table of rate limits. Instants are epoch milliseconds. */
export const throttling: Migration = {
  name: "2026-11-25-throttling",
  statements: [
    `alter table "user" add column "failed_logins" integer not null default 0`,
    `create table "throttle" (
      "key" text not null primary key,
      "points" integer not null,
      "blocked_until" bigint not null,
      "expires_at" bigint not null)`,
    `create index "throttle_expires_at_index" on "throttle" ("expires_at")`,
  ],
};
