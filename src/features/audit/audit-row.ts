import type { KeyObject } from "node:crypto";
import { type AuthEvent, type Client, fingerprint } from "../../events.js";
import type { StoredEvent } from "./audit-list.js";

/** The longest text of one column, in characters. */
const TEXT_MAX_LENGTH = 255;
const DETAILS_MAX_LENGTH = 4000;

/**
 * How long one row of the audit trail counts the events that {@link RefusalBudget} drops, in milliseconds. After that,
 * a new row begins.
 */
export const DROP_WINDOW = 60_000;
/** The type of the row that counts dropped events. */
export const DROPPED = "audit:events_dropped";

/** How long an instance normally takes to store an event, in milliseconds. */
const SETTLE = 1000;

/** An event that is about to be stored. */
export interface SettlingEvent extends Omit<StoredEvent, "details"> {
  readonly details: Readonly<Record<string, unknown>>;
  /**
   * When a webhook may send the event, in epoch milliseconds. This is one second after `at`, or 61 seconds for the row
   * that counts dropped events. By then, every instance has normally stored its earlier events.
   */
  readonly settledAt: number;
}

/** A row of the table `audit_event`. */
export interface AuditRow {
  readonly id: string;
  readonly at: number;
  readonly type: string;
  readonly actor_id: string | null;
  readonly actor_session_id: string | null;
  readonly impersonator_id: string | null;
  readonly subject_id: string | null;
  readonly session_id: string | null;
  readonly ip_address: string | null;
  readonly user_agent: string | null;
  readonly request_id: string | null;
  readonly details: string | null;
}

/**
 * Returns the row of an event, without its id and time.
 * @param key hashes the user name or e-mail address that was entered in a failed login, if no user has it
 */
export function toRow(
  event: AuthEvent,
  { actor, ...client }: Client,
  key: KeyObject,
): Omit<AuditRow, "id" | "at"> {
  const { type, userId, sessionId, login, details, ...rest } = event as Readonly<
    Record<string, unknown>
  > & { readonly details?: object };
  const subject = toText(userId);
  const isOwn = actor?.userId === subject;
  const typed = subject === null && typeof login === "string" && { login: fingerprint(login, key) };
  return {
    type: toText(type) ?? "",
    actor_id: actor?.userId ?? null,
    actor_session_id: actor?.sessionId ?? null,
    impersonator_id: actor?.impersonatorId ?? null,
    subject_id: subject,
    session_id: toText(sessionId) ?? (isOwn ? actor.sessionId : null),
    ip_address: toText(client.ipAddress),
    user_agent: toText(client.userAgent),
    request_id: toText(client.requestId),
    details: toJson({ ...typed, ...rest, ...details }),
  };
}

export function toSettling(row: AuditRow): SettlingEvent {
  return {
    id: row.id,
    at: row.at,
    type: row.type,
    actorId: row.actor_id,
    actorSessionId: row.actor_session_id,
    impersonatorId: row.impersonator_id,
    subjectId: row.subject_id,
    sessionId: row.session_id,
    ipAddress: row.ip_address,
    userAgent: row.user_agent,
    requestId: row.request_id,
    details: JSON.parse(row.details ?? "{}") as SettlingEvent["details"],
    settledAt: row.at + SETTLE + (row.type === DROPPED ? DROP_WINDOW : 0),
  };
}

function toText(value: unknown): string | null {
  if (value === undefined || value === null) return null;
  const text = typeof value === "string" ? value : JSON.stringify(value);
  // PostgreSQL cannot store NUL characters.
  return text.slice(0, TEXT_MAX_LENGTH).replaceAll("\0", "");
}

function toJson(details: object): string | null {
  const text = JSON.stringify(details);
  if (text === "{}") return null;
  return text.length <= DETAILS_MAX_LENGTH ? text : JSON.stringify({ tooLong: text.length });
}
