import type { Migration } from "../../sql.js";

/**
 * Adds columns for the administrator who opened a session to act as its user, and for the administrator's own session.
 */
export const sessionImpersonator: Migration = {
  name: "2026-11-28-session-impersonator",
  statements: [
    `alter table "session" add column "impersonator_id" text null`,
    `alter table "session" add column "impersonator_session_id" text null`,
  ],
};
