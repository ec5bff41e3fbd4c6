import { deleteBatch, type PruneRule } from "../maintenance/prune-rule.js";

/**
 * The rule that deletes expired counters from the database. The other stores need no such rule: Redis itself deletes
 * expired counters, and the memory store keeps a limited number of counters.
 */
export const COUNTER_PRUNE_RULE: PruneRule = {
  statement: deleteBatch("throttle", "key", "expires_at <= ?", "expires_at"),
  parameters: (now) => [now],
};
