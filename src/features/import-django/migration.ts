import type { Migration } from "../../sql.js";

/**
 * Creates two tables, and an index that finds Django's password hashes. `django_user` has the users who came from Django, and what was last imported of each: JSON, with
 * the SHA-256 of the password hash. After a user is deleted here, the row stays without `user_id`, so that the next
 * import does not bring the user back; `imported` is then empty.
 *
 * `django_token` has the simplejwt tokens that became sessions. `outstanding_id` is the primary key in simplejwt's table
 * `token_blacklist_outstandingtoken`. It is null for a token that is not in it, or that is blacklisted there.
 */
export const djangoMigration: Migration = {
  name: "2026-11-27-django",
  statements: [
    `create table "django_user" (
      "django_id" text not null primary key,
      "user_id" text null unique constraint "django_user_user_id_foreign"
        references "user" ("id") on update cascade on delete set null,
      "imported" text not null)`,
    `create table "django_token" (
      "session_id" text not null primary key constraint "django_token_session_id_foreign"
        references "session" ("id") on update cascade on delete cascade,
      "jti" text not null,
      "outstanding_id" text null)`,
    `create index "user_foreign_hash_index" on "user" (substr("password_hash", 1, 13), "password_hash")
      where substr("password_hash", 1, 1) <> '$'`,
  ],
};
