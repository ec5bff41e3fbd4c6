import { deleteBatch, type PruneRule } from "../maintenance/prune-rule.js";

export const COUNTER_PRUNE_RULE: PruneRule = {
  statement: deleteBatch("throttle", "key", "expires_at <= ?", "expires_at"),
  parameters: (now) => [now],
};
