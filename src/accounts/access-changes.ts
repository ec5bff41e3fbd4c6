import { BadUserInput } from "../errors.js";
import type { Client } from "../events.js";
import type { SqlValue } from "../sql.js";
import type { InSameTransaction, Steps } from "./account-changes.js";
import { NoSuchUser } from "./errors.js";
import type { Role, Roles } from "./role.js";
import type { UserSessions } from "./user-sessions.js";
import type { StoredUser, UserTransactions } from "./user-transactions.js";

/** SQL condition: the user is not an admin, or another admin is active. */
const ANOTHER_ADMIN = `(
  NOT EXISTS (SELECT 1 FROM profile WHERE user_id = ? AND role = ?)
  OR EXISTS (
    SELECT 1 FROM profile p JOIN "user" u ON u.id = p.user_id
    WHERE u.id <> ? AND p.role = ? AND u.is_active))`;

/**
 * Changes roles, activates and deactivates users, and deletes them. Refuses a change that would leave no active admin.
 */
export class AccessChanges {
  readonly #users: UserTransactions;
  readonly #roles: Roles;
  readonly #sessions: UserSessions;

  constructor(users: UserTransactions, roles: Roles, sessions: UserSessions) {
    this.#users = users;
    this.#roles = roles;
    this.#sessions = sessions;
  }

  /** Activates or deactivates a user, and ends the user's sessions. Activating an active user changes nothing. */
  async setActive(
    id: string,
    isActive: boolean,
    client: Client,
    { begin, finish }: Steps = {},
  ): Promise<void> {
    await this.#users.change(client, async (run, report) => {
      await begin?.(run, id);
      const user = await this.#users.read(run, id);
      // An activation ends sessions, too. Otherwise old sessions would work again if an operator had deactivated the
      // user with SQL.
      await this.#requireChanged(
        run(
          `UPDATE "user" SET is_active = ?,
             credentials_version = credentials_version + CASE WHEN is_active AND ? THEN 0 ELSE 1 END
           WHERE id = ? AND (? OR ${ANOTHER_ADMIN}) RETURNING id`,
          [isActive, isActive, id, isActive, ...this.#anotherAdmin(id)],
        ),
      );
      const ending = { reason: "user_deactivated" } as const;
      const ended = await this.#sessions.endOutdated(run, id, ending);
      await finish?.(run, id);
      const type = isActive ? "user_activated" : "user_deactivated";
      report(user.isActive === isActive ? null : { type, userId: id }, ended);
    });
  }

  async setRole(id: string, role: Role, client: Client): Promise<void> {
    await this.#users.change(client, async (run, report) => {
      const user = await this.#users.read(run, id);
      if (user.role === role) return;
      // Lock the user's row, so that nobody can delete it with SQL now. Otherwise the next statement could change no
      // row, and the error would wrongly be about the last admin.
      const locked = await run(`UPDATE "user" SET id = id WHERE id = ? RETURNING id`, [id]);
      if (locked.length === 0) throw new NoSuchUser();
      await this.#requireChanged(
        run(
          `INSERT INTO profile (user_id, role) SELECT id, ? FROM "user" WHERE id = ? AND ${ANOTHER_ADMIN}
           ON CONFLICT (user_id) DO UPDATE SET role = excluded.role RETURNING user_id`,
          [role, id, ...this.#anotherAdmin(id)],
        ),
      );
      report({ type: "role_changed", userId: id, role });
    });
  }

  async deleteUser(
    id: string,
    client: Client,
    finish?: InSameTransaction,
  ): Promise<Pick<StoredUser, "username" | "email">> {
    return this.#users.change(client, async (run, report) => {
      const { username, email } = await this.#users.read(run, id);
      await this.#requireChanged(
        run(
          `UPDATE "user" SET credentials_version = credentials_version + 1
           WHERE id = ? AND ${ANOTHER_ADMIN} RETURNING id`,
          [id, ...this.#anotherAdmin(id)],
        ),
      );
      const ending = { reason: "user_deleted" } as const;
      const ended = await this.#sessions.endOutdated(run, id, ending);
      await finish?.(run, id);
      await run(`DELETE FROM "user" WHERE id = ? RETURNING id`, [id]);
      report({ type: "user_deleted", userId: id }, ended);
      return { username, email };
    });
  }

  /** @throws {@link BadUserInput} when no row was changed, which means that the user is the last active admin */
  async #requireChanged(changing: Promise<unknown[]>): Promise<void> {
    if ((await changing).length > 0) return;
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
