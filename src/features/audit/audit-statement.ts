import type { Condition } from "../../accounts/conditions.js";
import type { SqlValue } from "../../sql.js";

const EVENT = `SELECT id, at, type, actor_id AS "actorId", actor_session_id AS "actorSessionId",
  impersonator_id AS "impersonatorId", subject_id AS "subjectId", session_id AS "sessionId",
  ip_address AS "ipAddress", user_agent AS "userAgent", request_id AS "requestId", details FROM audit_event`;

/** The condition that one of the columns has one of the values. */
export interface Filter {
  readonly columns: readonly string[];
  readonly values: readonly string[];
}

const EVERYTHING: Condition = ["1 = 1", []];

/**
 * Returns a statement that selects the events that match all filters, newest first.
 *
 * The statement is a `UNION` of one `SELECT` for each column and value of the first filter, such as `actor_id = 'a'`.
 * Each `SELECT` stops at the limit. With `OR` or `IN`, databases would read and sort all matching events.
 * @param range conditions for the ids
 */
export function toStatement(
  [leading, ...further]: readonly Filter[],
  range: readonly Condition[],
  limit: number,
): { statement: string; parameters: SqlValue[] } {
  const branches = leading === undefined ? [EVERYTHING] : branchesOf(leading);
  const common = [...further.map(isInList), ...range.map(([text]) => text)];
  const bounds = range.flatMap(([, ids]) => ids);
  const selects = branches.map(([text]) => {
    const where = [text, ...common].join(" AND ");
    return `SELECT * FROM (${EVENT} WHERE ${where} ORDER BY id DESC LIMIT ?) AS branch`;
  });
  return {
    statement: `${withLists(further)} ${selects.join(" UNION ")} ORDER BY id DESC LIMIT ?`,
    parameters: [
      ...further.flatMap(({ values }) => values),
      ...branches.flatMap(([, value]) => [...value, ...bounds, limit]),
      limit,
    ],
  };
}

/** Returns one condition for each column and value of a filter, such as `actor_id = ?`. */
function branchesOf({ columns, values }: Filter): Condition[] {
  return columns.flatMap((column) => values.map((value): Condition => [`${column} = ?`, [value]]));
}

/**
 * Returns a clause such as `WITH list0 (value) AS (VALUES (?), (?))`, with one list for each filter. If each `SELECT`
 * repeated the values instead, the statement could have more parameters than databases accept.
 */
function withLists(filters: readonly Filter[]): string {
  if (filters.length === 0) return "";
  const lists = filters.map(
    ({ values }, index) => `list${index} (value) AS (VALUES ${values.map(() => "(?)").join(", ")})`,
  );
  return `WITH ${lists.join(", ")}`;
}

/** @param index the number in the name of the filter's list, such as 0 for `list0` */
function isInList({ columns }: Filter, index: number): string {
  const either = columns.map((column) => `${column} IN (SELECT value FROM list${index})`);
  return `(${either.join(" OR ")})`;
}
