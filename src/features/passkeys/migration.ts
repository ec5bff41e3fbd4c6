import type { Migration } from "../../sql.js";

/** Creates the tables of passkeys and their challenges. Instants are epoch milliseconds. */
export const passkeyMigration: Migration = {
  name: "2026-11-28-passkey",
  statements: [
    `create table "passkey_user" (
      "user_id" text not null constraint "passkey_user_user_id_foreign" references "user" ("id") on update cascade on delete cascade,
      "handle" text not null,
      primary key ("user_id"))`,
    `create table "passkey" (
      "id" text not null primary key,
      "user_id" text not null constraint "passkey_user_id_foreign" references "user" ("id") on update cascade on delete cascade,
      "credential_id" text not null,
      "public_key" text not null,
      "counter" bigint not null,
      "transports" text not null,
      "is_synced" boolean not null,
      "is_backed_up" boolean not null,
      "label" text not null,
      "created_at" bigint not null,
      "last_used_at" bigint null)`,
    `create unique index "passkey_credential_id_unique" on "passkey" ("credential_id")`,
    `create index "passkey_user_id_index" on "passkey" ("user_id")`,
    `create table "passkey_challenge" (
      "challenge_hash" text not null primary key,
      "ceremony" text not null,
      "user_id" text null constraint "passkey_challenge_user_id_foreign" references "user" ("id") on update cascade on delete cascade,
      "session_id" text null,
      "expires_at" bigint not null)`,
    `create index "passkey_challenge_expires_at_index" on "passkey_challenge" ("expires_at")`,
  ],
};
