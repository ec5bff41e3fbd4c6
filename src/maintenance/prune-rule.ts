import type { SqlValue } from "../sql.js";

/** How many rows one statement deletes at most. The number is small, because other writers wait for the statement. */
const BATCH_SIZE = 1000;

/** How long a row is kept after its expiry and the leeway, in milliseconds. */
const EXPIRED_RETENTION = 60_000;

/** Deletes rows that nothing needs any more. The code that owns a table also owns its rules. */
export interface PruneRule {
  /** Deletes at most one batch and returns the deleted rows. Runs again until it deletes no row. */
  readonly statement: string;
  /**
   * Returns a value for each `?` of the statement.
   * @param now epoch milliseconds
   */
  parameters(this: void, now: number): readonly SqlValue[];
}

/** A rule with its origin. */
export interface OwnedPruneRule extends PruneRule {
  /** The name of the feature that owns the rule, for error messages. Undefined if the core owns the rule. */
  readonly feature?: string;
}

/**
 * Returns a {@link PruneRule.statement} that deletes rows of `table` if they meet `condition`. Each run deletes one
 * batch.
 * @param key the primary key of `table`
 * @param order the column to sort by; an index on it saves a scan of the table
 */
export function deleteBatch(table: string, key: string, condition: string, order: string): string {
  return `DELETE FROM ${table} WHERE ${key} IN (
    SELECT ${key} FROM ${table} WHERE ${condition} ORDER BY ${order} LIMIT ${BATCH_SIZE}) RETURNING ${key}`;
}

/**
 * Returns an instant, in epoch milliseconds. A row that expired at this instant or earlier can be deleted, because its
 * tokens are no longer accepted.
 * @param now epoch milliseconds
 * @param leeway in seconds
 */
export function prunableAt(now: number, leeway: number): number {
  return now - leeway * 1000 - EXPIRED_RETENTION;
}
