import type { Migration } from "../../sql.js";

/** Creates the tables of the mails that wait to be sent, and of the tokens in mails. */
export const mailMigration: Migration = {
  name: "2026-11-27-mail",
  statements: [
    `create table "mail_outbox" (
      "id" text not null primary key,
      "template" text not null,
      "recipient" text not null,
      "locale" text null,
      "data" text not null,
      "user_id" text null,
      "token_id" text null,
      "queued_at" bigint not null,
      "due_at" bigint not null,
      "attempts" integer not null default 0)`,
    `create index "mail_outbox_due_at_index" on "mail_outbox" ("due_at")`,
    `create table "mail_token" (
      "id" text not null primary key,
      "user_id" text not null constraint "mail_token_user_id_foreign" references "user" ("id") on update cascade on delete cascade,
      "purpose" text not null,
      "address" text not null,
      "token_hash" text not null,
      "email_key" text null,
      "credentials_version" integer not null,
      "expires_at" bigint not null,
      "used_at" bigint null)`,
    `create unique index "mail_token_user_id_purpose_unique" on "mail_token" ("user_id", "purpose")`,
    `create unique index "mail_token_token_hash_unique" on "mail_token" ("token_hash")`,
    `create index "mail_token_expires_at_index" on "mail_token" ("expires_at")`,
  ],
};

/**
 * Creates a table of users whose address an administrator has replaced. Until `held_until`, in epoch milliseconds,
 * these users get no mail with which its reader could log in.
 */
export const resetHoldMigration: Migration = {
  name: "2026-11-28-reset-hold",
  statements: [
    `create table "reset_hold" (
      "user_id" text not null primary key constraint "reset_hold_user_id_foreign" references "user" ("id") on update cascade on delete cascade,
      "held_until" bigint not null)`,
    `create index "reset_hold_held_until_index" on "reset_hold" ("held_until")`,
  ],
};

export const localeMigration: Migration = {
  name: "2026-11-27-user-locale",
  statements: [
    `create table "user_locale" (
      "user_id" text not null primary key constraint "user_locale_user_id_foreign" references "user" ("id") on update cascade on delete cascade,
      "locale" text not null)`,
  ],
};

export const requestMigration: Migration = {
  name: "2026-11-27-mail-request",
  statements: [
    `create table "mail_request" (
      "id" text not null primary key,
      "kind" text not null,
      "given" text not null,
      "client" text not null,
      "queued_at" bigint not null,
      "due_at" bigint not null,
      "attempts" integer not null default 0)`,
    `create index "mail_request_due_at_index" on "mail_request" ("due_at")`,
  ],
};
