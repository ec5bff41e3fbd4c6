import type { Migration } from "../../sql.js";

/** Creates the tables of the import. Instants are epoch milliseconds. */
export const djangoMigration: Migration = {
  name: "2026-11-27-django",
  statements: [
    // The imported users. `imported` is JSON of the last import. It is empty if the user was deleted in Gatehouse. Such
    // a row stays, because otherwise the next import would create the user again. Tokens and keys that Django issued at
    // `refused_before` or earlier get no session. `credentials_version` equals the user's own version until the user
    // gets a new password or is deactivated in Gatehouse.
    `create table "django_user" (
      "django_id" text not null primary key,
      "user_id" text null unique constraint "django_user_user_id_foreign"
        references "user" ("id") on update cascade on delete set null,
      "imported" text not null,
      "refused_before" bigint null,
      "credentials_version" integer not null default 0)`,
    // The refresh and sliding tokens of simplejwt that were imported or sent to Gatehouse. A token gets a session only
    // once, so the row stays until the token expires in Django, at `expires_at`. `outstanding_id` is the primary key in
    // `token_blacklist_outstandingtoken`. It is null if the token is not there or is blacklisted.
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
    // Shows quickly whether any user still has a password hash of Django.
    `create index "user_foreign_hash_index" on "user" (substr("password_hash", 1, 1))
      where substr("password_hash", 1, 1) <> '$'`,
  ],
};
