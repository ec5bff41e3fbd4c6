import type { DatabaseKind, TestDatabase } from "../support/databases.js";

/** The core's migrations since version 0.1. */
export const SINCE_01 = [
  "2026-11-26-profile-role",
  "2026-11-27-session-authenticated-at",
  "2026-11-27-user-names",
  "2026-11-28-session-impersonator",
  "2026-11-28-session-methods",
  "2026-11-28-session-second-factor",
];
/** All of the core's migrations. */
export const CORE = ["2026-11-22-accounts-keys-sessions", "2026-11-25-throttling", ...SINCE_01];

/** The SQL that version 0.1 ran on a new database. Never change it, because databases of that version exist. */
const STATEMENTS = [
  `create table "user" (
      "id" text not null primary key,
      "username" text not null,
      "username_key" text not null,
      "email" text null,
      "email_key" text null,
      "password_hash" text null,
      "credentials_version" integer not null default 0,
      "is_active" boolean not null default true,
      "created_at" bigint not null,
      "last_login_at" bigint null)`,
  `create unique index "user_username_key_unique" on "user" ("username_key")`,
  `create unique index "user_email_key_unique" on "user" ("email_key")`,
  `create table "profile" (
      "user_id" text not null primary key constraint "profile_user_id_foreign" references "user" ("id") on update cascade on delete cascade,
      "role" text not null)`,
  `create table "session" (
      "id" text not null primary key,
      "user_id" text not null constraint "session_user_id_foreign" references "user" ("id") on update cascade on delete cascade,
      "scheme" text not null,
      "label" text null,
      "secret_hash" text null,
      "credentials_version" integer not null,
      "generation" integer not null default 0,
      "created_at" bigint not null,
      "rotated_at" bigint not null,
      "last_used_at" bigint null,
      "expires_at" bigint null,
      "refresh_expires_at" bigint null,
      "ended_at" bigint null,
      "end_reason" text null,
      "ip_address" text null,
      "user_agent" text null)`,
  `create index "session_user_id_index" on "session" ("user_id")`,
  `create index "session_created_at_id_index" on "session" ("created_at", "id")`,
  `create index "session_refresh_expires_at_index" on "session" ("refresh_expires_at")`,
  `create index "session_expires_at_index" on "session" ("expires_at")`,
  `create table "lease" (
      "name" text not null primary key,
      "holder" text not null,
      "expires_at" bigint not null)`,
  `create table "signing_key" (
      "kid" text not null primary key,
      "algorithm" text not null,
      "sealed_key" text not null,
      "created_at" bigint not null,
      "activates_at" bigint not null,
      "revoked_at" bigint null)`,
  `alter table "user" add column "failed_logins" integer not null default 0`,
  `create table "throttle" (
      "key" text not null primary key,
      "points" integer not null,
      "blocked_until" bigint not null,
      "expires_at" bigint not null)`,
  `create index "throttle_expires_at_index" on "throttle" ("expires_at")`,
];

/** The table in which the ORM records migrations, as version 0.1 created it. */
const RECORD = {
  sqlite:
    "create table `mikro_orm_migrations` (`id` integer not null primary key autoincrement, `name` varchar(255), `executed_at` datetime default CURRENT_TIMESTAMP)",
  postgresql: `create table "mikro_orm_migrations" ("id" serial primary key, "name" varchar(255), "executed_at" timestamptz default CURRENT_TIMESTAMP)`,
};

/** The names of the migrations that version 0.1 recorded. */
const RECORDED = ["2026-11-22-accounts-keys-sessions", "2026-11-25-throttling"];

/** Creates the tables of an empty database as version 0.1 did. */
export async function createAsVersion01(kind: DatabaseKind, home: TestDatabase): Promise<void> {
  for (const statement of [RECORD[kind], ...STATEMENTS]) await home.sql(statement);
  for (const name of RECORDED) {
    await home.sql("INSERT INTO mikro_orm_migrations (name) VALUES (?)", [name]);
  }
}
