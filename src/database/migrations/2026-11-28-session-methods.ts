import type { Migration } from "../../sql.js";

/**
 * Adds a column for how a session's user proved who they are. The column is null for sessions that an older Gatehouse
 * opened.
 */
export const sessionMethods: Migration = {
  name: "2026-11-28-session-methods",
  statements: [`alter table "session" add column "methods" text null`],
};
