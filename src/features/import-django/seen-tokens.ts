import { insertRows } from "../../database/rows.js";
import { deleteBatch, prunableAt, type PruneRule } from "../../maintenance/prune-rule.js";
import type { RunStatement } from "../../sql.js";

/** A refresh or sliding token of simplejwt that was imported, or that opened a session in Gatehouse. */
export interface SeenToken {
  readonly sessionId: string;
  readonly userId: string;
  readonly jti: string;
  /**
   * The primary key in `token_blacklist_outstandingtoken`. Null if no import found the token there, or if the token is
   * blacklisted.
   */
  readonly outstandingId: string | null;
  /** The time from which Django refuses the token, in epoch milliseconds. */
  readonly deadAt: number;
}

/**
 * Records the tokens, so that none of them gets a second session. Must run in the transaction that opens their
 * sessions, or that decides to open none.
 */
export async function recordSeen(run: RunStatement, tokens: readonly SeenToken[]): Promise<void> {
  await insertRows(run, {
    table: "django_token",
    columns: ["session_id", "user_id", "jti", "outstanding_id", "expires_at"],
    rows: tokens.map(({ sessionId, userId, jti, outstandingId, deadAt }) => [
      ...[sessionId, userId, jti, outstandingId, deadAt],
    ]),
    onConflict: "ON CONFLICT (session_id) DO UPDATE SET outstanding_id = excluded.outstanding_id",
  });
}

/**
 * Returns the rule that deletes the records of expired tokens. Gatehouse refuses an expired token even without a
 * record.
 * @param leeway in seconds
 */
export function seenTokenPruneRule(leeway: number): PruneRule {
  return {
    statement: deleteBatch("django_token", "session_id", "expires_at <= ?", "expires_at"),
    parameters: (now) => [prunableAt(now, leeway)],
  };
}
