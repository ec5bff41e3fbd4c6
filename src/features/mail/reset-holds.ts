import type { RunStatement, Sql } from "../../sql.js";

/** How long a hold lasts, in milliseconds. {@link ResetHolds} says what a hold is. */
const DURATION = 7 * 86_400_000;

/** SQL condition: the user `u` has a hold (see {@link ResetHolds}). The parameter is the current time. */
export const IS_HELD = `EXISTS (SELECT 1 FROM reset_hold h WHERE h.user_id = u.id AND h.held_until > ?)`;

/**
 * For a week after an administrator has replaced or removed a user's address, the user has a hold: the user gets no
 * mail whose reader could log in. Otherwise an administrator could enter an address of their own, and take over the
 * account with a link in a mail.
 * @internal
 */
export class ResetHolds {
  readonly #sql: Sql;
  readonly #now: () => number;

  constructor(sql: Sql, now: () => number) {
    this.#sql = sql;
    this.#now = now;
  }

  /**
   * Begins a hold. Call this before the address changes. Does nothing in these cases:
   * - The address stays the same.
   * - The user has no address.
   * - The user has no password and has never logged in.
   * @param emailKey the canonical form of the new address; null if the address is removed
   */
  async begin(run: RunStatement, userId: string, emailKey: string | null): Promise<void> {
    await run(
      `INSERT INTO reset_hold (user_id, held_until) SELECT id, ? FROM "user"
       WHERE id = ? AND email_key IS NOT NULL AND email_key IS DISTINCT FROM ?
         AND (password_hash IS NOT NULL OR last_login_at IS NOT NULL)
       ON CONFLICT (user_id) DO UPDATE SET held_until = excluded.held_until RETURNING user_id`,
      [this.#now() + DURATION, userId, emailKey],
    );
  }

  async end(run: RunStatement, userId: string): Promise<void> {
    await run(`DELETE FROM reset_hold WHERE user_id = ? RETURNING user_id`, [userId]);
  }

  /** Returns the end of a user's hold in epoch milliseconds, or null if there is none. */
  async endOf(userId: string): Promise<number | null> {
    const [hold] = await this.#sql.read<{ until: number }>(
      `SELECT held_until AS until FROM reset_hold WHERE user_id = ? AND held_until > ?`,
      [userId, this.#now()],
    );
    return hold?.until ?? null;
  }
}
