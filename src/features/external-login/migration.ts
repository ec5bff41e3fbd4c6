import type { Migration } from "../../sql.js";

/** Creates the tables of logins that have begun, and of linked accounts. Instants are epoch milliseconds. */
export const externalLoginMigration: Migration = {
  name: "2026-11-28-external-login",
  statements: [
    `create table "external_login" (
      "state_hash" text not null primary key,
      "proof_hash" text not null,
      "provider" text not null,
      "redirect_to" text not null,
      "sealed" text not null,
      "user_id" text null constraint "external_login_user_id_foreign" references "user" ("id") on update cascade on delete cascade,
      "session_id" text null,
      "expires_at" bigint not null)`,
    `create index "external_login_expires_at_index" on "external_login" ("expires_at")`,
    `create table "linked_account" (
      "id" text not null primary key,
      "user_id" text not null constraint "linked_account_user_id_foreign" references "user" ("id") on update cascade on delete cascade,
      "provider" text not null,
      "issuer" text not null,
      "subject" text not null,
      "name" text null,
      "linked_at" bigint not null,
      "last_used_at" bigint null)`,
    `create unique index "linked_account_issuer_subject_unique" on "linked_account" ("issuer", "subject")`,
    `create index "linked_account_user_id_index" on "linked_account" ("user_id")`,
  ],
};
