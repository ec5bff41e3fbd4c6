import type { Migration } from "../../sql.js";

/**
 * Creates the table of events to send. Instants are epoch milliseconds. `user_id` is not a foreign key, because the
 * events of a deleted user must still be sent.
 */
export const webhookOutbox: Migration = {
  name: "2026-11-27-webhook-outbox",
  statements: [
    `create table "webhook_outbox" (
      "id" text not null primary key,
      "user_id" text null,
      "type" text not null,
      "body" text not null,
      "queued_at" bigint not null,
      "due_at" bigint not null,
      "attempts" integer not null default 0)`,
    `create index "webhook_outbox_due_at_index" on "webhook_outbox" ("due_at")`,
    `create index "webhook_outbox_queued_at_index" on "webhook_outbox" ("queued_at")`,
    `create index "webhook_outbox_user_id_id_index" on "webhook_outbox" ("user_id", "id") where "user_id" is not null`,
  ],
};
