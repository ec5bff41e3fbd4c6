import { deleteBatch, type PruneRule } from "../../maintenance/prune-rule.js";
import { firstIdAt } from "./event-id.js";

/** How many rows one statement changes at most. */
const BATCH_SIZE = 1000;

/** SQL condition: the row `event` has an IP address, a user agent or details. */
const HAS_MORE = `(event.ip_address IS NOT NULL OR event.user_agent IS NOT NULL OR event.details IS NOT NULL)`;

/**
 * Removes the IP address, user agent and details from these events:
 * - Events that a deleted user caused.
 * - Events about a deleted user that no signed-in user caused, such as a failed login.
 *
 * Does not change events that another user caused, because their IP address belongs to that other user.
 */
const FORGET_DELETED_USERS: PruneRule = {
  statement: `
    UPDATE audit_event SET ip_address = NULL, user_agent = NULL, details = NULL WHERE id IN (
      SELECT event.id FROM audit_event gone JOIN audit_event event ON event.actor_id = gone.subject_id
      WHERE gone.type = ? AND ${HAS_MORE}
      UNION
      SELECT event.id FROM audit_event gone JOIN audit_event event ON event.subject_id = gone.subject_id
      WHERE gone.type = ? AND event.actor_id IS NULL AND ${HAS_MORE}
      LIMIT ${BATCH_SIZE}) RETURNING id`,
  parameters: () => ["user_deleted", "user_deleted"],
};

/** @param retention how long events are stored, in seconds */
export function auditPruneRules(retention: number): PruneRule[] {
  const outdated: PruneRule = {
    statement: deleteBatch("audit_event", "id", "id < ?", "id"),
    parameters: (now) => [firstIdAt(now - retention * 1000)],
  };
  return [outdated, FORGET_DELETED_USERS];
}
