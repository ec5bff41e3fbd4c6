import type { AuthConfig } from "../config/auth-config.js";
import { deleteBatch, prunableAt, type PruneRule } from "../maintenance/prune-rule.js";
import type { Sql } from "../sql.js";

/** How long an ended session that had no expiry is kept, in milliseconds. */
const ENDED_RETENTION = 30 * 86_400_000;

/**
 * Returns the rules that delete old sessions. An ended session is kept until its tokens have expired, because its row
 * contains the reason why the tokens are refused.
 */
export function sessionPruneRules(
  { leeway }: Pick<AuthConfig, "leeway">,
  { forUpdate }: Pick<Sql, "forUpdate">,
): PruneRule[] {
  const expired = (column: string): PruneRule => ({
    statement: deleteBatch("session", "id", `${column} <= ?`, column, forUpdate),
    parameters: (now) => [prunableAt(now, leeway)],
  });
  const ended = "expires_at IS NULL AND ended_at <= ?";
  return [
    expired("refresh_expires_at"),
    expired("expires_at"),
    {
      statement: deleteBatch("session", "id", ended, "expires_at", forUpdate),
      parameters: (now) => [now - ENDED_RETENTION],
    },
  ];
}
