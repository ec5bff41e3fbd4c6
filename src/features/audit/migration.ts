import type { Migration } from "../../sql.js";

/**
 * Creates the table of events. Instants are epoch milliseconds. Some indexes leave out the rows whose column is null,
 * because most rows have null there. There are no foreign keys, because events stay when their users and sessions are
 * deleted.
 */
export const auditEvent: Migration = {
  name: "2026-11-27-audit-event",
  statements: [
    `create table "audit_event" (
      "id" text not null primary key,
      "at" bigint not null,
      "type" text not null,
      "actor_id" text null,
      "actor_session_id" text null,
      "impersonator_id" text null,
      "subject_id" text null,
      "session_id" text null,
      "ip_address" text null,
      "user_agent" text null,
      "request_id" text null,
      "details" text null)`,
    `create index "audit_event_type_id_index" on "audit_event" ("type", "id")`,
    ...["actor_id", "actor_session_id", "subject_id", "session_id"].map(
      (column) =>
        `create index "audit_event_${column}_id_index" on "audit_event" ("${column}", "id") where "${column}" is not null`,
    ),
  ],
};
