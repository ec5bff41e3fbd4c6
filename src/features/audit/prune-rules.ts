import { deleteBatch, type PruneRule } from "../../maintenance/prune-rule.js";
import { firstIdAt } from "./event-id.js";

/** How many rows one statement changes at most. */
const BATCH_SIZE = 1000;

/** Holds for a row `event` that has more than ids. */
const HAS_MORE = `(event.ip_address IS NOT NULL OR event.user_agent IS NOT NULL OR event.details IS NOT NULL)`;

/**
 * Leaves only ids in the events that a deleted user caused, and in those about the user that nobody signed in caused. In
 * the others, the address belongs to another user, such as an administrator.
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
