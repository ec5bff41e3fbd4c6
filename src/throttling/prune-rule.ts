import { deleteBatch, type PruneRule } from "../maintenance/prune-rule.js";

/** Deletes expired counters from the database. */
export const COUNTER_PRUNE_RULE: PruneRule = {
  statement: deleteBatch("throttle", "key", "expires_at <= ?", "expires_at"),
  parameters: (now) => [now],
};
