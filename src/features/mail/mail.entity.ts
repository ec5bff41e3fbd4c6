import {
  BigIntType,
  Entity,
  Index,
  ManyToOne,
  PrimaryKey,
  Property,
  Unique,
} from "@mikro-orm/core";
import { UserEntity } from "../../accounts/user.entity.js";
import type { Migration } from "../../sql.js";
import type { MailPurpose } from "./links.js";

/** A mail that has not been sent yet. Nothing in the row can be used as a credential. Instants are epoch milliseconds. */
@Entity({ tableName: "mail_outbox" })
export class MailOutboxEntity {
  /** 128 random bits in hex, also in the `Message-ID`. */
  @PrimaryKey({ type: "text" })
  id!: string;

  @Property({ type: "text" })
  template!: string;

  @Property({ type: "text" })
  recipient!: string;

  @Property({ type: "text", nullable: true })
  locale!: string | null;

  /** The values for the template, in JSON. */
  @Property({ type: "text" })
  data!: string;

  /** Not a foreign key, because the mail about a deletion is sent after the user is gone. */
  @Property({ type: "text", nullable: true })
  userId!: string | null;

  /** The token of the mail's link. */
  @Property({ type: "text", nullable: true })
  tokenId!: string | null;

  @Property({ type: new BigIntType("number") })
  queuedAt!: number;

  /** The instant from which an instance may claim the mail. A claim moves it into the future. */
  @Index()
  @Property({ type: new BigIntType("number") })
  dueAt!: number;

  /** How many times an instance has claimed the mail. */
  @Property({ type: "integer" })
  attempts = 0;
}

/**
 * A request for a mail that was answered, and is not handled yet. Nothing in the row can be used as a credential.
 * Instants are epoch milliseconds.
 */
@Entity({ tableName: "mail_request" })
export class MailRequestEntity {
  @PrimaryKey({ type: "text" })
  id!: string;

  /** The name of the mutation. */
  @Property({ type: "text" })
  kind!: string;

  /** The arguments, in JSON. */
  @Property({ type: "text" })
  given!: string;

  /** The client for the audit trail, in JSON. */
  @Property({ type: "text" })
  client!: string;

  @Property({ type: new BigIntType("number") })
  queuedAt!: number;

  /** The instant from which an instance may claim the request. A claim moves it into the future. */
  @Index()
  @Property({ type: new BigIntType("number") })
  dueAt!: number;

  /** How many times an instance has claimed the request. */
  @Property({ type: "integer" })
  attempts = 0;
}

/** The token of a link in a mail. A user has at most one token for each purpose. Instants are epoch milliseconds. */
@Entity({ tableName: "mail_token" })
@Unique({ properties: ["user", "purpose"] })
export class MailTokenEntity {
  /** 128 random bits in hex. The token is derived from it with a key that is not in the database. */
  @PrimaryKey({ type: "text" })
  id!: string;

  @ManyToOne({ entity: () => UserEntity, deleteRule: "cascade" })
  user!: UserEntity;

  @Property({ type: "text" })
  purpose!: MailPurpose;

  /** The e-mail address that the token proves. */
  @Property({ type: "text" })
  address!: string;

  /** SHA-256 of the token, in hex. */
  @Property({ type: "text" })
  @Unique()
  tokenHash!: string;

  /** The user's `emailKey` when the token was issued. */
  @Property({ type: "text", nullable: true })
  emailKey!: string | null;

  /** The user's `credentialsVersion` when the token was issued. */
  @Property({ type: "integer" })
  credentialsVersion!: number;

  @Index()
  @Property({ type: new BigIntType("number") })
  expiresAt!: number;

  @Property({ type: new BigIntType("number"), nullable: true })
  usedAt!: number | null;
}

/** Creates the tables of this file. */
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
 * Creates the table of the users who get no link to set a new password, because an administrator has replaced their
 * address. `held_until` is in epoch milliseconds.
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

/** Creates the table of the users' languages. */
export const localeMigration: Migration = {
  name: "2026-11-27-user-locale",
  statements: [
    `create table "user_locale" (
      "user_id" text not null primary key constraint "user_locale_user_id_foreign" references "user" ("id") on update cascade on delete cascade,
      "locale" text not null)`,
  ],
};

/** Creates the table of requests for mails. */
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
