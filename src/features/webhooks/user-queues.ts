import type { Sql } from "../../sql.js";

/** How many due events one statement examines at most. */
const WINDOW = 100;
/** How many events {@link UserQueues.findSendable} returns at most. */
const BATCH = 20;
/**
 * If the first event of a queue is due in more than this time, in milliseconds, the other events of the queue are
 * postponed. A running attempt delays the first event by only 30 seconds, so it does not postpone the others.
 */
const LONG_WAIT = 60_000;

/** An SQL table expression for the first events that are due. */
const WINDOW_OF_DUE = `(SELECT id, user_id, due_at FROM webhook_outbox WHERE due_at <= ?
  ORDER BY due_at, id LIMIT ${WINDOW}) AS due`;

/**
 * Returns an SQL expression: when the first event in the queue of a user is due, in epoch milliseconds.
 * @param table a table whose rows each name a user in the column `user_id`
 */
const queueDueAt = (table: string) => `(SELECT head.due_at FROM webhook_outbox head
  WHERE head.user_id = ${table}.user_id ORDER BY head.id LIMIT 1)`;

/**
 * The queues of events. Each user has one queue, and only its first event can be sent. Events without a user are in no
 * queue, so they do not wait for each other.
 */
export class UserQueues {
  readonly #sql: Pick<Sql, "read" | "write">;

  constructor(sql: Pick<Sql, "read" | "write">) {
    this.#sql = sql;
  }

  /** Returns at most {@link BATCH} due events. Each is the first of its queue, or in no queue. */
  async findSendable(now: number): Promise<readonly { readonly id: string }[]> {
    for (;;) {
      const heads = await this.#findDueHeads(now);
      if (heads.length > 0 || !(await this.#isAnyDue(now))) return heads;
      // All events of WINDOW_OF_DUE wait for an earlier event of their user. Postpone those that must wait long, so
      // that the next ones move up.
      if ((await this.#postponeWaiting(now)) === 0) return [];
    }
  }

  async #findDueHeads(now: number): Promise<{ id: string }[]> {
    return this.#sql.read<{ id: string }>(
      `SELECT id FROM ${WINDOW_OF_DUE} WHERE NOT EXISTS (SELECT 1 FROM webhook_outbox earlier
         WHERE earlier.user_id = due.user_id AND earlier.id < due.id)
       ORDER BY due_at, id LIMIT ${BATCH}`,
      [now],
    );
  }

  async #isAnyDue(now: number): Promise<boolean> {
    const rows = await this.#sql.read("SELECT id FROM webhook_outbox WHERE due_at <= ? LIMIT 1", [
      now,
    ]);
    return rows.length > 0;
  }

  /**
   * Postpones events of {@link WINDOW_OF_DUE} whose queue must wait longer than {@link LONG_WAIT}. They become due
   * together with the first event of their queue.
   * @returns the number of postponed events
   */
  async #postponeWaiting(now: number): Promise<number> {
    const postponed = await this.#sql.write(
      `UPDATE webhook_outbox SET due_at = ${queueDueAt("webhook_outbox")} WHERE id IN (
         SELECT id FROM ${WINDOW_OF_DUE} WHERE ${queueDueAt("due")} > ?) RETURNING id`,
      [now, now + LONG_WAIT],
    );
    return postponed.length;
  }
}
