import type { Migration } from "../../sql.js";

/** Adds the index of roles, because each start asks which roles users have. */
export const profileRole: Migration = {
  name: "2026-11-26-profile-role",
  statements: [`create index "profile_role_index" on "profile" ("role")`],
};
