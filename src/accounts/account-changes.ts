import type { AuthConfig } from "../config/auth-config.js";
import {
  BadUserInput,
  EmailTaken,
  InvalidCredentials,
  NoSuchUser,
  UsernameTaken,
} from "../errors.js";
import type { AuthEvent, Client, EndReason } from "../events.js";
import type { RunStatement, SqlValue, TransactionalSql } from "../sql.js";
import type { Skeletons } from "./look-alikes.js";
import type { Role } from "./role.js";
import type { SignInMethods } from "./sign-in-methods.js";

/** SQL that is true if the user is not an admin, or if another admin is active. */
const ANOTHER_ADMIN = `(
  NOT EXISTS (SELECT 1 FROM profile WHERE user_id = ? AND role = ?)
  OR EXISTS (
    SELECT 1 FROM profile p JOIN "user" u ON u.id = p.user_id
    WHERE u.id <> ? AND p.role = ? AND u.is_active))`;

export interface OutdatedEnding {
  readonly reason: Exclude<EndReason, "reused">;
  /** The id of the one session to keep. @default null: all sessions end */
  readonly keep?: string | null;
}

export interface UserSessions {
  /**
   * Ends each session of the user that has a lower `credentialsVersion` than the user. For example, a new password
   * raises the user's version from 3 to 4, and the sessions with version 3 end.
   * @param run runs SQL in the transaction that raised the user's version
   */
  endOutdated(run: RunStatement, userId: string, ending: OutdatedEnding): Promise<EndedSessions>;
}

export interface EndedSessions {
  /** The number of ended sessions. Sessions that had already expired do not count. */
  readonly count: number;
  /** One event `session_ended` for each session in `count`. */
  readonly events: readonly AuthEvent[];
}

/** A new user name, in the forms that are stored. */
export interface StoredName extends Skeletons {
  readonly username: string;
  /** The canonical form of `username`, for comparison. */
  readonly key: string;
}

/** A new e-mail address, in the forms that are stored. Null removes the address. */
export interface StoredEmail {
  readonly email: string | null;
  /** The canonical form of `email`, for comparison. */
  readonly key: string | null;
}

export interface UserRow {
  readonly id: string;
  readonly name: StoredName;
  readonly email: StoredEmail;
  readonly passwordHash: string | null;
  readonly role: Role;
  readonly createdAt: number;
}

/**
 * A function that runs in the same transaction as a change to a user. If its promise rejects, the change is rolled
 * back.
 */
export type InSameTransaction = (run: RunStatement, userId: string) => Promise<unknown>;

/**
 * Functions that run in the same transaction as a change to a user. `begin` runs first, for example to use up a token.
 * `finish` runs last, for example to queue a mail.
 */
export interface Steps {
  readonly begin?: InSameTransaction | undefined;
  readonly finish?: InSameTransaction | undefined;
}

export interface UpdateSteps extends Pick<Steps, "begin"> {
  /**
   * Runs after `begin`. If it returns true, the password and all other ways to log in are removed, and all sessions end.
   * @default false
   */
  readonly losesPassword?: () => boolean;
}

/**
 * Stores the events of a change, in the same transaction as the change. If the promise rejects, the change is rolled
 * back.
 */
export type EventStore = (
  run: RunStatement,
  events: readonly AuthEvent[],
  client: Client,
) => Promise<void>;

export interface ChangeSettings extends Pick<
  AuthConfig,
  "loginFailureLimit" | "onEvent" | "roles"
> {
  readonly storeEvents: EventStore;
}

type Event = Extract<AuthEvent, { userId: string }>;

/**
 * Changes users. One transaction changes the user, ends sessions and stores the events. Transactions run one at a time.
 * If they ran together, two admins could remove each other, or two users could take names that look alike.
 */
export class AccountChanges {
  readonly #sql: TransactionalSql;
  readonly #settings: ChangeSettings;
  readonly #sessions: UserSessions;
  readonly #signInMethods: Pick<SignInMethods, "removeAll">;

  constructor(
    sql: TransactionalSql,
    settings: ChangeSettings,
    sessions: UserSessions,
    signInMethods: Pick<SignInMethods, "removeAll">,
  ) {
    this.#sql = sql;
    this.#settings = settings;
    this.#sessions = sessions;
    this.#signInMethods = signInMethods;
  }

  /** @throws {@link UsernameTaken} */
  async requireFreeName(name: StoredName): Promise<void> {
    const read: RunStatement = (statement, parameters) => this.#sql.read(statement, parameters);
    await requireFree(read, "", name, undefined);
  }

  /** Stores a new user. @throws {@link UsernameTaken}, {@link EmailTaken} */
  async create(user: UserRow, client: Client, finish?: InSameTransaction): Promise<void> {
    const { id, name, email, passwordHash, role, createdAt } = user;
    await this.#change(client, async (run, report) => {
      await requireFree(run, id, name, email);
      await run(
        `INSERT INTO "user"
           (id, username, username_key, username_skeleton, shown_skeleton, email, email_key, password_hash, created_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id`,
        [
          ...[id, name.username, name.key, name.folded, name.shown],
          ...[email.email, email.key, passwordHash, createdAt],
        ],
      );
      await run(`INSERT INTO profile (user_id, role) VALUES (?, ?) RETURNING user_id`, [id, role]);
      await finish?.(run, id);
      report({ type: "user_created", userId: id });
    });
  }

  /**
   * Changes the user name, the e-mail address, or both.
   * @throws {@link NoSuchUser}, {@link UsernameTaken}, {@link EmailTaken}
   */
  async update(
    id: string,
    { name, email }: { readonly name?: StoredName; readonly email?: StoredEmail },
    client: Client,
    { begin, losesPassword }: UpdateSteps,
  ): Promise<void> {
    await this.#change(client, async (run, report) => {
      await begin?.(run, id);
      const user = await this.#read(run, id);
      await requireFree(run, id, name, email);
      if (name !== undefined && name.username !== user.username) {
        await run(
          `UPDATE "user" SET username = ?, username_key = ?, username_skeleton = ?, shown_skeleton = ?
           WHERE id = ? RETURNING id`,
          [name.username, name.key, name.folded, name.shown, id],
        );
        report({ type: "username_changed", userId: id });
      }
      if (email !== undefined && email.email !== user.email) {
        await run(`UPDATE "user" SET email = ?, email_key = ? WHERE id = ? RETURNING id`, [
          email.email,
          email.key,
          id,
        ]);
        report({ type: "email_changed", userId: id });
      }
      if (losesPassword?.() === true) {
        await run(
          `UPDATE "user" SET password_hash = NULL, credentials_version = credentials_version + 1
           WHERE id = ? RETURNING id`,
          [id],
        );
        await this.#signInMethods.removeAll(run, id);
        const ending = { reason: "password_changed", client } as const;
        const ended = await this.#sessions.endOutdated(run, id, ending);
        report({ type: "password_removed", userId: id }, ended);
      }
    });
  }

  /**
   * Stores a new hash, ends the user's sessions, and unlocks the account.
   * @param keepSession the id of the one session to keep
   * @param credentialsVersion the user's version when the caller checked the current password. Null if the caller did
   * not check the password
   * @returns the number of ended sessions
   * @throws {@link NoSuchUser}
   * @throws {@link InvalidCredentials} when the user's version is no longer `credentialsVersion`
   */
  async setPasswordHash(
    id: string,
    passwordHash: string,
    {
      keepSession = null,
      credentialsVersion = null,
      begin,
      finish,
    }: Steps & {
      readonly keepSession?: string | null | undefined;
      readonly credentialsVersion?: number | null | undefined;
    },
    client: Client,
  ): Promise<number> {
    return this.#change(client, async (run, report) => {
      await begin?.(run, id);
      const changed = await run(
        `UPDATE "user" SET password_hash = ?, credentials_version = credentials_version + 1, failed_logins = 0
         WHERE id = ? AND credentials_version = COALESCE(?, credentials_version) RETURNING id`,
        [passwordHash, id, credentialsVersion],
      );
      if (changed.length === 0) {
        await this.#read(run, id);
        throw new InvalidCredentials();
      }
      const ending = { reason: "password_changed", keep: keepSession } as const;
      const ended = await this.#sessions.endOutdated(run, id, ending);
      await finish?.(run, id);
      report({ type: "password_changed", userId: id }, ended);
      return ended.count;
    });
  }

  /** @throws {@link NoSuchUser} */
  async unlock(id: string, client: Client): Promise<void> {
    await this.#change(client, async (run, report) => {
      const { failedLogins } = await this.#read(run, id);
      await run(`UPDATE "user" SET failed_logins = 0 WHERE id = ? RETURNING id`, [id]);
      const wasLocked = failedLogins >= this.#settings.loginFailureLimit;
      report(wasLocked ? { type: "account_unlocked", userId: id } : null);
    });
  }

  /** Activates or deactivates a user, and ends the user's sessions. Activating an active user changes nothing. */
  async setActive(
    id: string,
    isActive: boolean,
    client: Client,
    { begin, finish }: Steps = {},
  ): Promise<void> {
    await this.#change(client, async (run, report) => {
      await begin?.(run, id);
      const user = await this.#read(run, id);
      // Activation ends sessions too. An operator may have deactivated the user with SQL, which leaves the sessions
      // open. Those sessions would work again after the activation.
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
    const { admin } = this.#settings.roles;
    await this.#change(client, async (run, report) => {
      const user = await this.#read(run, id);
      if (user.role === role) return;
      // Lock the user's row. Otherwise an operator could delete the user with SQL before this transaction ends.
      const locked = await run(`UPDATE "user" SET id = id WHERE id = ? RETURNING id`, [id]);
      if (locked.length === 0) throw new NoSuchUser();
      await this.#requireChanged(
        run(
          `INSERT INTO profile (user_id, role) SELECT id, ? FROM "user" WHERE id = ? AND (? OR ${ANOTHER_ADMIN})
           ON CONFLICT (user_id) DO UPDATE SET role = excluded.role RETURNING user_id`,
          [role, id, role === admin, ...this.#anotherAdmin(id)],
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
    return this.#change(client, async (run, report) => {
      const { username, email } = await this.#read(run, id);
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

  /** Runs a change and stores its events in one transaction. Calls `onEvent` after the commit. */
  async #change<Result>(
    client: Client,
    use: (run: RunStatement, report: Report) => Promise<Result>,
  ): Promise<Result> {
    const { onEvent, storeEvents } = this.#settings;
    const events: AuthEvent[] = [];
    const result = await this.#sql.inTransaction(async (run) => {
      const changed = await use(run, (event, ended) => {
        if (event !== null) events.push(event);
        if (ended !== undefined) events.push(...ended.events);
      });
      if (events.length > 0) await storeEvents(run, events, client);
      return changed;
    });
    for (const event of events) onEvent(event, client);
    return result;
  }

  /** @throws {@link NoSuchUser} */
  async #read(run: RunStatement, id: string): Promise<StoredUser> {
    const [user] = await run<Omit<StoredUser, "isActive"> & { isActive: boolean | number }>(
      `SELECT username, email, is_active AS "isActive", failed_logins AS "failedLogins", COALESCE(role, ?) AS role
       FROM "user" LEFT JOIN profile ON user_id = id WHERE id = ?`,
      [this.#settings.roles.lowest, id],
    );
    if (user === undefined) throw new NoSuchUser();
    return { ...user, isActive: Boolean(user.isActive) };
  }

  /** @throws {@link BadUserInput} if no row was changed, because the user is the last active admin */
  async #requireChanged(changing: Promise<unknown[]>): Promise<void> {
    if ((await changing).length > 0) return;
    const { admin } = this.#settings.roles;
    throw new BadUserInput(
      `This user is the last active ${admin}. Give another user the role ${admin} first.`,
    );
  }

  #anotherAdmin(id: string): SqlValue[] {
    const { admin } = this.#settings.roles;
    return [id, admin, id, admin];
  }
}

interface StoredUser {
  readonly username: string;
  readonly email: string | null;
  readonly isActive: boolean;
  readonly failedLogins: number;
  readonly role: Role;
}

type Report = (event: Event | null, ended?: EndedSessions) => void;

/**
 * Requires that no other user has this name, a name that looks like it, or this e-mail address.
 * @throws {@link UsernameTaken}, {@link EmailTaken}
 */
async function requireFree(
  run: RunStatement,
  id: string,
  name: StoredName | undefined,
  email: StoredEmail | undefined,
): Promise<void> {
  if (name !== undefined) {
    const skeletons = [name.folded, name.shown ?? name.folded];
    // SQLite uses all three indexes for a UNION, but not for an OR.
    const holders = await run<{ id: string }>(
      `SELECT id FROM "user" WHERE username_key = ?
       UNION SELECT id FROM "user" WHERE username_skeleton IN (?, ?)
       UNION SELECT id FROM "user" WHERE shown_skeleton IN (?, ?) LIMIT 2`,
      [name.key, ...skeletons, ...skeletons],
    );
    if (holders.some((holder) => holder.id !== id)) throw new UsernameTaken();
  }
  if (email != null && email.key !== null) {
    const holders = await run(`SELECT id FROM "user" WHERE id <> ? AND email_key = ?`, [
      id,
      email.key,
    ]);
    if (holders.length > 0) throw new EmailTaken();
  }
}
