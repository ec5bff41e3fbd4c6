import type { Migration } from "../../sql.js";

export const loginCodeMigration: Migration = {
  name: "2026-11-28-login-code",
  statements: [
    `create table "login_code" (
      "email_key" text not null primary key,
      "token_id" text null,
      "proof_hash" text not null,
      "tries" integer not null default 0,
      "expires_at" bigint not null)`,
    `create index "login_code_expires_at_index" on "login_code" ("expires_at")`,
  ],
};
