import { deleteBatch, type PruneRule } from "../maintenance/prune-rule.js";

/** The rule that deletes expired counters from the database. The other stores drop expired counters without it. */
export const COUNTER_PRUNE_RULE: PruneRule = {
  statement: deleteBatch("throttle", "key", "expires_at <= ?", "expires_at"),
  parameters: (now) => [now],
};
