import type { Migration } from "../../sql.js";

/** Adds how a session's user proved who they are. Null for sessions of earlier versions, which did not store it. */
export const sessionMethods: Migration = {
  name: "2026-11-28-session-methods",
  statements: [`alter table "session" add column "methods" text null`],
};
