import type { Migration } from "../../sql.js";

const USER = (table: string) =>
  `constraint "${table}_user_id_foreign" references "user" ("id") on update cascade on delete cascade`;

/** Creates the tables for second factors and recovery codes. Instants are epoch milliseconds. */
export const secondFactorMigration: Migration = {
  name: "2026-11-28-second-factor",
  statements: [
    `create table "login_challenge" (
      "token_hash" text not null primary key,
      "user_id" text not null ${USER("login_challenge")},
      "credentials_version" integer not null,
      "methods" text not null,
      "tries" integer not null default 0,
      "expires_at" bigint not null)`,
    `create index "login_challenge_user_id_index" on "login_challenge" ("user_id")`,
    `create index "login_challenge_expires_at_index" on "login_challenge" ("expires_at")`,
    `create table "totp" (
      "user_id" text not null primary key ${USER("totp")},
      "sealed" text not null,
      "last_step" bigint not null,
      "added_at" bigint not null)`,
    `create table "totp_enrolment" (
      "user_id" text not null primary key ${USER("totp_enrolment")},
      "session_id" text not null,
      "sealed" text not null,
      "expires_at" bigint not null)`,
    `create index "totp_enrolment_expires_at_index" on "totp_enrolment" ("expires_at")`,
    `create table "recovery_code" (
      "code_hash" text not null primary key,
      "user_id" text not null ${USER("recovery_code")})`,
    `create index "recovery_code_user_id_index" on "recovery_code" ("user_id")`,
  ],
};
