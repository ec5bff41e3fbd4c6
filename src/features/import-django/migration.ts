import type { Migration } from "../../sql.js";

/**
 * Creates two tables, and an index that finds the password hashes of Django. `django_user` has the users who came from Django, and what was last imported of each: JSON, with
 * the SHA-256 of the password hash. `django_token` has the simplejwt tokens that became sessions. `outstanding_id` is
 * the primary key in simplejwt's table `token_blacklist_outstandingtoken`, or null for a token that is not in it.
 */
export const djangoMigration: Migration = {
  name: "2026-11-27-django",
  statements: [
    `create table "django_user" (
      "user_id" text not null primary key constraint "django_user_user_id_foreign"
        references "user" ("id") on update cascade on delete cascade,
      "django_id" text not null unique,
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
