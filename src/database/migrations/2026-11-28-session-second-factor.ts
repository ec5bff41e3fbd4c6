import type { Migration } from "../../sql.js";

/** Adds a column for the time when the user last proved a second factor in the session. Null if the user never did. */
export const sessionSecondFactor: Migration = {
  name: "2026-11-28-session-second-factor",
  statements: [`alter table "session" add column "second_factor_at" bigint null`],
};
