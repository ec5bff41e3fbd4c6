import type { Migration } from "../../sql.js";

/** Creates the tables of the import. Instants are epoch milliseconds. */
export const djangoMigration: Migration = {
  name: "2026-11-27-django",
  statements: [
    // The imported users. The row of a user who was deleted in Gatehouse stays, so that the next import does not create
    // the user again. `imported`: the values that the last import read, as JSON; empty for a deleted user.
    // `refused_before`: the tokens and keys that Django issued up to this time get no session. `credentials_version`:
    // equals the user's version until the user gets a new password, is activated or is deactivated in Gatehouse.
    `create table "django_user" (
      "django_id" text not null primary key,
      "user_id" text null unique constraint "django_user_user_id_foreign"
        references "user" ("id") on update cascade on delete set null,
      "imported" text not null,
      "refused_before" bigint null,
      "credentials_version" integer not null default 0)`,
    // The refresh and sliding tokens of simplejwt that were imported, or that opened a session in Gatehouse. A row
    // stays until its token expires in Django, so that no token gets a second session. `outstanding_id`: the primary
    // key in `token_blacklist_outstandingtoken`; null if no import found the token there, or if it is blacklisted.
    `create table "django_token" (
      "session_id" text not null primary key,
      "user_id" text not null constraint "django_token_user_id_foreign"
        references "user" ("id") on update cascade on delete cascade,
      "jti" text not null,
      "outstanding_id" text null,
      "expires_at" bigint not null)`,
    `create index "django_token_user_id_index" on "django_token" ("user_id")`,
    `create index "django_token_expires_at_index" on "django_token" ("expires_at")`,
    // The highest cost of an imported password hash, for each hash function.
    `create table "django_password_cost" (
      "hash_function" text not null primary key,
      "cost" integer not null)`,
    // With this index, it takes little time to find out whether any user still has a password hash of Django. Such a
    // hash does not begin with `$`.
    `create index "user_foreign_hash_index" on "user" (substr("password_hash", 1, 1))
      where substr("password_hash", 1, 1) <> '$'`,
  ],
};
