import { ID_MAX_LENGTH, requireTexts } from "../../accounts/identifiers.js";
import type { Sql, SqlValue } from "../../sql.js";
import { firstIdAt } from "./event-id.js";

/** The longest type that a filter accepts, in characters. */
const TYPE_MAX_LENGTH = 255;

/** An event as the database stores it. */
export interface StoredEvent {
  readonly id: string;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly type: string;
  /** The user who caused it. Null if nobody was signed in. */
  readonly actorId: string | null;
  /** The session that the actor used. */
  readonly actorSessionId: string | null;
  /** The administrator who used the actor's account. */
  readonly impersonatorId: string | null;
  /** The user it is about. */
  readonly subjectId: string | null;
  /** The session it is about. */
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

/** The events to list. Several fields are combined with AND. A field that is null or missing does not filter. */
export interface AuditQuery {
  readonly types?: readonly string[] | null | undefined;
  /** The users that the events are about. */
  readonly userIds?: readonly string[] | null | undefined;
  readonly actorIds?: readonly string[] | null | undefined;
  /** The sessions that the events are about, or that their actors used. */
  readonly sessionIds?: readonly string[] | null | undefined;
  /** The earliest instant, in epoch milliseconds. */
  readonly from?: number | undefined;
  /** The instant before which the events happened, in epoch milliseconds. */
  readonly before?: number | undefined;
}

/** One page of events, newest first. */
export interface AuditPage {
  readonly events: readonly StoredEvent[];
  readonly hasNextPage: boolean;
}

/** A condition: one of the columns has one of the values. */
interface Filter {
  readonly columns: readonly string[];
  readonly values: readonly string[];
}

/** Lists stored events. */
export class AuditList {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /**
   * Returns a page of the events that match the query, newest first.
   *
   * Each part of the statement reads one value of one column, in the order of that column's index, and stops after one
   * page. With `OR` or `IN` instead, the databases would read and sort all events that match.
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
    const [leading, ...further] = filtersOf(query, ofUser);
    const conditions = [...further.map(toCondition), ...rangeOf(query, after)];
    const parts = leading === undefined ? [conditions] : partsOf(leading, conditions);
    if (parts.length === 0) return { events: [], hasNextPage: false };
    const statements = parts.map(
      (part) =>
        `SELECT * FROM (${EVENT} WHERE ${part.map(([text]) => text).join(" AND ") || "1 = 1"}
         ORDER BY id DESC LIMIT ?) AS part`,
    );
    const parameters = parts.flatMap((part) => [
      ...part.flatMap(([, values]) => values),
      first + 1,
    ]);
    const rows = await this.#sql.readOnce<StoredEvent>(
      `${statements.join(" UNION ")} ORDER BY id DESC LIMIT ?`,
      [...parameters, first + 1],
    );
    return { events: rows.slice(0, first), hasNextPage: rows.length > first };
  }
}

type Condition = readonly [text: string, values: readonly SqlValue[]];

/** Returns the conditions of one part for each column and value of a filter. */
function partsOf({ columns, values }: Filter, further: readonly Condition[]): Condition[][] {
  return columns.flatMap((column) =>
    values.map((value): Condition[] => [[`${column} = ?`, [value]], ...further]),
  );
}

/** Returns the filters. The first is the one that likely leaves the fewest events. */
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

function toCondition({ columns, values }: Filter): Condition {
  if (values.length === 0) return ["1 = 0", []];
  const places = values.map(() => "?").join(", ");
  const either = columns.map((column) => `${column} IN (${places})`).join(" OR ");
  return [`(${either})`, columns.flatMap(() => values)];
}

/** Ids sort by time, so conditions on the id select a period. */
function rangeOf({ from, before }: AuditQuery, after: string | null): Condition[] {
  return [
    ...(after === null ? [] : [["id < ?", [after]] as Condition]),
    ...(from === undefined ? [] : [["id >= ?", [firstIdAt(from)]] as Condition]),
    ...(before === undefined ? [] : [["id < ?", [firstIdAt(before)]] as Condition]),
  ];
}
