import type { Migration } from "../../sql.js";

/** Adds an index on the roles, because each start reads which roles are in use. */
export const profileRole: Migration = {
  name: "2026-11-26-profile-role",
  statements: [`create index "profile_role_index" on "profile" ("role")`],
};
