import type { Migration } from "../../sql.js";

/**
 * Adds a column for the time when a session's user last proved who they are, for example with a password. The time is
 * null for existing sessions, because their rows do not say whether a login opened them.
 */
export const sessionAuthenticatedAt: Migration = {
  name: "2026-11-27-session-authenticated-at",
  statements: [`alter table "session" add column "authenticated_at" bigint null`],
};
