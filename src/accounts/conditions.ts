import { BadUserInput } from "../errors.js";
import type { SqlValue } from "../sql.js";

/** A condition of a `WHERE`, with the values of its `?` placeholders. */
export type Condition = [condition: string, parameters: SqlValue[]];

/**
 * A filter by the time when a row was created. Instants are epoch milliseconds. A null or missing field does not
 * filter.
 */
export interface CreatedRange {
  readonly createdAfter?: number | null | undefined;
  readonly createdAtOrAfter?: number | null | undefined;
  readonly createdBefore?: number | null | undefined;
  readonly createdAtOrBefore?: number | null | undefined;
}

const OPERATORS = [
  ["createdAfter", ">"],
  ["createdAtOrAfter", ">="],
  ["createdBefore", "<"],
  ["createdAtOrBefore", "<="],
] as const;

/** @throws {@link BadUserInput} when an instant is not a number */
export function* isCreatedIn(column: string, range: CreatedRange): Generator<Condition> {
  for (const [name, operator] of OPERATORS) {
    const instant = range[name];
    if (instant == null) continue;
    if (!Number.isFinite(instant)) {
      throw new BadUserInput(`${name} must be an instant in epoch milliseconds.`);
    }
    yield [`${column} ${operator} ?`, [instant]];
  }
}

export function contains(column: string, part: string): Condition {
  return [`${column} LIKE ? ESCAPE '\\'`, [`%${part.replace(/[\\%_]/g, "\\$&")}%`]];
}
