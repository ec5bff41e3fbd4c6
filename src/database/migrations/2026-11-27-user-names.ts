import type { Migration } from "../../sql.js";

/**
 * Adds columns for two skeletons of each user name. Names that look alike share a skeleton. Each start computes missing
 * skeletons. Also adds indexes for lists of users.
 */
export const userNames: Migration = {
  name: "2026-11-27-user-names",
  statements: [
    `alter table "user" add column "username_skeleton" text null`,
    `alter table "user" add column "shown_skeleton" text null`,
    `create unique index "user_username_skeleton_unique" on "user" ("username_skeleton")`,
    `create index "user_shown_skeleton_index" on "user" ("shown_skeleton")`,
    `create index "user_created_at_id_index" on "user" ("created_at", "id")`,
    `create index "user_last_login_index" on "user" (coalesce("last_login_at", 0), "id")`,
  ],
};
