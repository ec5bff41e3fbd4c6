import type { SqlValue } from "../sql.js";

/** How many rows one statement deletes at most. The number is small, because other writers wait for the statement. */
const BATCH_SIZE = 1000;

/** How long to keep an expired row after the leeway has passed, in milliseconds. */
const EXPIRED_RETENTION = 60_000;

/** A rule for deleting rows that are no longer needed. */
export interface PruneRule {
  /** Deletes one batch of rows, and returns the deleted rows. The statement is repeated until it deletes no row. */
  readonly statement: string;
  /**
   * Returns a value for each `?` of the statement.
   * @param now epoch milliseconds
   */
  parameters(this: void, now: number): readonly SqlValue[];
}

export interface OwnedPruneRule extends PruneRule {
  /** The feature that owns the rule, for error messages. Undefined for a rule of the core. */
  readonly feature?: string;
}

/**
 * Returns a {@link PruneRule.statement} that deletes a batch of rows.
 * @param key the primary key of `table`
 * @param order the column to sort by, which should have an index
 * @param forUpdate {@link Sql.forUpdate}, for a table in which other statements also lock several rows
 */
export function deleteBatch(
  table: string,
  key: string,
  condition: string,
  order: string,
  forUpdate = "",
): string {
  const batch = `SELECT ${key} FROM ${table} WHERE ${condition} ORDER BY ${order} LIMIT ${BATCH_SIZE}`;
  const rows =
    forUpdate === ""
      ? batch
      : `SELECT ${key} FROM ${table} WHERE ${key} IN (${batch}) ORDER BY ${key} ${forUpdate}`;
  return `DELETE FROM ${table} WHERE ${key} IN (${rows}) RETURNING ${key}`;
}

/**
 * Returns an instant in epoch milliseconds. A row may be deleted if it expired before this instant.
 * @param now epoch milliseconds
 * @param leeway in seconds
 */
export function prunableAt(now: number, leeway: number): number {
  return now - leeway * 1000 - EXPIRED_RETENTION;
}
