import { ID_MAX_LENGTH, requireTexts } from "../../accounts/identifiers.js";
import type { Sql } from "../../sql.js";
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

const EVENT = `SELECT id, at, type, actor_id AS "actorId", actor_session_id AS "actorSessionId",
  impersonator_id AS "impersonatorId", subject_id AS "subjectId", session_id AS "sessionId",
  ip_address AS "ipAddress", user_agent AS "userAgent", request_id AS "requestId", details FROM audit_event`;

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

/** The condition that one of the columns has one of the values. */
interface Filter {
  readonly columns: readonly string[];
  readonly values: readonly string[];
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
   *
   * The statement is a `UNION` of one `SELECT` for each column and value of the first filter, such as `actor_id = 'a'`.
   * Each `SELECT` stops after one page. With `OR` or `IN`, databases would read and sort all matching events.
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
    if (filters.some(({ values }) => values.length === 0))
      return { events: [], hasNextPage: false };
    const [leading, ...further] = filters;
    const range = rangeOf(query, after);
    const conditions = [...further.map(isInList), ...range.map(([text]) => text)];
    const parts = leading === undefined ? [EVERYTHING] : partsOf(leading);
    const limit = first + 1;
    const statements = parts.map(
      ([text]) =>
        `SELECT * FROM (${EVENT} WHERE ${[text, ...conditions].join(" AND ")} ORDER BY id DESC LIMIT ?) AS part`,
    );
    const rows = await this.#sql.readOnce<StoredEvent>(
      `${withLists(further)} ${statements.join(" UNION ")} ORDER BY id DESC LIMIT ?`,
      [
        ...further.flatMap(({ values }) => values),
        ...parts.flatMap(([, own]) => [...own, ...range.map(([, instant]) => instant), limit]),
        limit,
      ],
    );
    return { events: rows.slice(0, first), hasNextPage: rows.length > first };
  }
}

const EVERYTHING: readonly [condition: string, values: readonly string[]] = ["1 = 1", []];

/** Returns one condition for each column and value of a filter, such as `actor_id = ?`. */
function partsOf({ columns, values }: Filter): (typeof EVERYTHING)[] {
  return columns.flatMap((column) =>
    values.map((value): typeof EVERYTHING => [`${column} = ?`, [value]]),
  );
}

/**
 * Returns a clause such as `WITH list0 (value) AS (VALUES (?), (?))`, with one list for each filter. Every `SELECT`
 * uses these lists, because databases limit the number of parameters.
 */
function withLists(filters: readonly Filter[]): string {
  if (filters.length === 0) return "";
  const lists = filters.map(
    ({ values }, index) => `list${index} (value) AS (VALUES ${values.map(() => "(?)").join(", ")})`,
  );
  return `WITH ${lists.join(", ")}`;
}

/** @param index the index of the filter in {@link withLists} */
function isInList({ columns }: Filter, index: number): string {
  const either = columns.map((column) => `${column} IN (SELECT value FROM list${index})`);
  return `(${either.join(" OR ")})`;
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

/** Returns conditions for the period of the query. They compare ids, because ids sort by time. */
function rangeOf(
  { from, before }: AuditQuery,
  after: string | null,
): [condition: string, id: string][] {
  return [
    ...(after === null ? [] : [["id < ?", after] as [string, string]]),
    ...(from === undefined ? [] : [["id >= ?", firstIdAt(from)] as [string, string]]),
    ...(before === undefined ? [] : [["id < ?", firstIdAt(before)] as [string, string]]),
  ];
}
