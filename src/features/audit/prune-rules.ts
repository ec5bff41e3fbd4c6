import { deleteBatch, type PruneRule } from "../../maintenance/prune-rule.js";
import { firstIdAt } from "./event-id.js";

/** How many rows one statement changes at most. */
const BATCH_SIZE = 1000;

/** SQL that is true for a row `event` with an IP address, a user agent or details. */
const HAS_MORE = `(event.ip_address IS NOT NULL OR event.user_agent IS NOT NULL OR event.details IS NOT NULL)`;

/**
 * Removes the IP address, user agent and details from two kinds of events: those that a deleted user caused, and those
 * about a deleted user that have no actor, such as a failed login.
 *
 * Other events about a deleted user do not change. Their IP address belongs to another user, such as an administrator.
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
