import { BadUserInput, NoSuchUser } from "../errors.js";
import type { EndReason } from "../events.js";
import type { RunStatement, SqlValue, TransactionalSql } from "../sql.js";
import { requireUser } from "./require-user.js";
import type { Role, Roles } from "./role.js";

/** SQL condition: the user is not an admin, or there is another active admin. */
const ANOTHER_ADMIN = `(
  NOT EXISTS (SELECT 1 FROM profile WHERE user_id = ? AND role = ?)
  OR EXISTS (
    SELECT 1 FROM profile p JOIN "user" u ON u.id = p.user_id
    WHERE u.id <> ? AND p.role = ? AND u.is_active))`;

export interface UserSessions {
  /**
   * Ends a user's sessions that were opened before the last change of `credentialsVersion`.
   * @param run runs a statement in the transaction that changes the user
   * @returns a function that publishes the events of the ended sessions. Call it after the commit
   */
  endOutdated(run: RunStatement, userId: string, reason: EndReason): Promise<() => void>;
}

export class AccountChanges {
  readonly #sql: TransactionalSql;
  readonly #roles: Roles;
  readonly #sessions: UserSessions;

  constructor(sql: TransactionalSql, roles: Roles, sessions: UserSessions) {
    this.#sql = sql;
    this.#roles = roles;
    this.#sessions = sessions;
  }

  /** Stores a new hash, ends all sessions of the user, and unlocks the account. */
  async setPasswordHash(id: string, passwordHash: string): Promise<void> {
    const hasChanged = await this.#endSessions(
      id,
      "password_changed",
      `UPDATE "user" SET password_hash = ?, credentials_version = credentials_version + 1, failed_logins = 0
       WHERE id = ? RETURNING id`,
      [passwordHash, id],
    );
    if (!hasChanged) throw new NoSuchUser();
  }

  async setActive(id: string, isActive: boolean): Promise<void> {
    // Someone may have deactivated the user directly in the database, which ends no session. So an activation ends the
    // user's sessions, too.
    const hasChanged = await this.#endSessions(
      id,
      "user_deactivated",
      `UPDATE "user" SET is_active = ?,
         credentials_version = credentials_version + CASE WHEN is_active AND ? THEN 0 ELSE 1 END
       WHERE id = ? AND (? OR ${ANOTHER_ADMIN}) RETURNING id`,
      [isActive, isActive, id, isActive, ...this.#anotherAdmin(id)],
    );
    if (!hasChanged) await this.#refuseLastAdmin(id);
  }

  async setRole(id: string, role: Role): Promise<void> {
    // Exclusive: otherwise two admins could demote each other at the same time.
    const changed = await this.#sql.writeExclusive(
      `INSERT INTO profile (user_id, role) SELECT id, ? FROM "user" WHERE id = ? AND (? OR ${ANOTHER_ADMIN})
       ON CONFLICT (user_id) DO UPDATE SET role = excluded.role RETURNING user_id`,
      [role, id, role === this.#roles.admin, ...this.#anotherAdmin(id)],
    );
    if (changed.length === 0) await this.#refuseLastAdmin(id);
  }

  async deleteUser(id: string): Promise<void> {
    const hasChanged = await this.#endSessions(
      id,
      "user_deleted",
      `UPDATE "user" SET credentials_version = credentials_version + 1
       WHERE id = ? AND ${ANOTHER_ADMIN} RETURNING id`,
      [id, ...this.#anotherAdmin(id)],
      (run) => run(`DELETE FROM "user" WHERE id = ? RETURNING id`, [id]),
    );
    if (!hasChanged) await this.#refuseLastAdmin(id);
  }

  /**
   * Changes a user and ends the user's sessions in one transaction. Transactions run one at a time: otherwise two
   * admins could delete each other at the same time.
   * @param statement changes the user. It returns no row if the user does not exist or is the last admin
   * @param finish runs last in the transaction
   * @returns false if `statement` returned no row
   */
  async #endSessions(
    id: string,
    reason: EndReason,
    statement: string,
    parameters: SqlValue[],
    finish?: (run: RunStatement) => Promise<unknown>,
  ): Promise<boolean> {
    const report = await this.#sql.inTransaction(async (run) => {
      if ((await run(statement, parameters)).length === 0) return null;
      const reportEnds = await this.#sessions.endOutdated(run, id, reason);
      await finish?.(run);
      return reportEnds;
    });
    report?.();
    return report !== null;
  }

  async #refuseLastAdmin(id: string): Promise<never> {
    // No row was changed, so the user does not exist or is the last admin.
    await requireUser(this.#sql, id);
    const { admin } = this.#roles;
    throw new BadUserInput(
      `This user is the last active ${admin}. Give another user the role ${admin} first.`,
    );
  }

  #anotherAdmin(id: string): SqlValue[] {
    const { admin } = this.#roles;
    return [id, admin, id, admin];
  }
}
