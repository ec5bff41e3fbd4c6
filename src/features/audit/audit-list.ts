import type { Condition } from "../../accounts/conditions.js";
import { ID_MAX_LENGTH, requireTexts } from "../../accounts/identifiers.js";
import type { Sql } from "../../sql.js";
import { type Filter, toStatement } from "./audit-statement.js";
import { firstIdAt } from "./event-id.js";

/** The longest event type that a filter accepts, in characters. */
const TYPE_MAX_LENGTH = 255;

/** How many events {@link AuditList.all} reads at a time. */
const PAGE_SIZE = 1000;

export interface StoredEvent {
  readonly id: string;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly type: string;
  /** The user who caused the event. Null if no user was signed in. */
  readonly actorId: string | null;
  /** The session that the actor used. */
  readonly actorSessionId: string | null;
  /** The administrator who used the actor's account. */
  readonly impersonatorId: string | null;
  /** The user that the event is about. */
  readonly subjectId: string | null;
  /** The session that the event is about. */
  readonly sessionId: string | null;
  readonly ipAddress: string | null;
  readonly userAgent: string | null;
  readonly requestId: string | null;
  /** A JSON object. */
  readonly details: string | null;
}

/** A filter of events. Several fields are combined with AND. A field that is null or missing does not filter. */
export interface AuditQuery {
  readonly types?: readonly string[] | null | undefined;
  /** The users that the events are about. */
  readonly userIds?: readonly string[] | null | undefined;
  readonly actorIds?: readonly string[] | null | undefined;
  /** The sessions that the events are about, or that their actors used. */
  readonly sessionIds?: readonly string[] | null | undefined;
  /** The earliest time of the events, in epoch milliseconds. */
  readonly from?: number | undefined;
  /** The end of the period, in epoch milliseconds. Events at this instant do not match. */
  readonly before?: number | undefined;
}

/** One page of events, newest first. */
export interface AuditPage {
  readonly events: readonly StoredEvent[];
  readonly hasNextPage: boolean;
}

export class AuditList {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** Returns all events that a user caused, or that are about this user, newest first. */
  async all(userId: string): Promise<StoredEvent[]> {
    const found: StoredEvent[] = [];
    for (;;) {
      const page = await this.page({}, userId, PAGE_SIZE, found.at(-1)?.id ?? null);
      found.push(...page.events);
      if (!page.hasNextPage) return found;
    }
  }

  /**
   * Returns a page of the events that match the query, newest first.
   * @param ofUser lists only events that this user caused, or that are about this user; null for all events
   * @param first the largest number of events to return
   * @param after the id of the last event of the previous page; null for the first page
   * @throws {@link BadUserInput} when a list in the query is malformed or too long
   */
  async page(
    query: AuditQuery,
    ofUser: string | null,
    first: number,
    after: string | null,
  ): Promise<AuditPage> {
    const filters = [...filtersOf(query, ofUser)];
    const isEmpty = filters.some(({ values }) => values.length === 0);
    if (isEmpty) return { events: [], hasNextPage: false };
    const { statement, parameters } = toStatement(filters, rangeOf(query, after), first + 1);
    const rows = await this.#sql.readOnce<StoredEvent>(statement, parameters);
    return { events: rows.slice(0, first), hasNextPage: rows.length > first };
  }
}

/** Returns the filters. The first filter is the one that probably matches the fewest events. */
function* filtersOf(query: AuditQuery, ofUser: string | null): Generator<Filter> {
  const { types, userIds, actorIds, sessionIds } = query;
  if (ofUser !== null) yield { columns: ["subject_id", "actor_id"], values: [ofUser] };
  if (sessionIds != null) {
    requireTexts("sessionId.in", sessionIds, ID_MAX_LENGTH);
    yield { columns: ["session_id", "actor_session_id"], values: sessionIds };
  }
  if (userIds != null) {
    requireTexts("userId.in", userIds, ID_MAX_LENGTH);
    yield { columns: ["subject_id"], values: userIds };
  }
  if (actorIds != null) {
    requireTexts("actorId.in", actorIds, ID_MAX_LENGTH);
    yield { columns: ["actor_id"], values: actorIds };
  }
  if (types != null) {
    requireTexts("type.in", types, TYPE_MAX_LENGTH);
    yield { columns: ["type"], values: types };
  }
}

/** Returns conditions for the page's start and the query's period. They compare ids, because ids sort by time. */
function rangeOf({ from, before }: AuditQuery, after: string | null): Condition[] {
  const conditions: Condition[] = [];
  if (after !== null) conditions.push(["id < ?", [after]]);
  if (from !== undefined) conditions.push(["id >= ?", [firstIdAt(from)]]);
  if (before !== undefined) conditions.push(["id < ?", [firstIdAt(before)]]);
  return conditions;
}
