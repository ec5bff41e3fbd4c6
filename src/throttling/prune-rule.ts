import { deleteBatch, type PruneRule } from "../maintenance/prune-rule.js";

/** The rule that deletes expired counters from the database. The stores in memory and Redis evict theirs. */
export const COUNTER_PRUNE_RULE: PruneRule = {
  statement: deleteBatch("throttle", "key", "expires_at <= ?", "expires_at"),
  parameters: (now) => [now],
};
