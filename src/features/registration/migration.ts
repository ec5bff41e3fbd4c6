import type { Migration } from "../../sql.js";

const USER = (table: string) =>
  `"user_id" text not null primary key constraint "${table}_user_id_foreign" references "user" ("id") on update cascade on delete cascade`;

/**
 * Creates two tables. `registration` contains the users who signed up and have not proved an address yet.
 * `verified_address` contains the proved addresses. Instants are epoch milliseconds.
 *
 * `registration.email` is null if another account had the address at the sign-up or has proved it since.
 */
export const registrationMigration: Migration = {
  name: "2026-11-27-registration",
  statements: [
    `create table "registration" (
      ${USER("registration")},
      "email" text null,
      "email_key" text null,
      "created_at" bigint not null)`,
    `create index "registration_email_key_index" on "registration" ("email_key") where "email_key" is not null`,
    `create index "registration_created_at_index" on "registration" ("created_at")`,
    `create table "verified_address" (
      ${USER("verified_address")},
      "email_key" text not null,
      "verified_at" bigint not null)`,
  ],
};
