import type { Client } from "../events.js";
import type { RunStatement } from "../sql.js";
import type { PasswordChange } from "./accounts.js";
import { InvalidCredentials } from "./errors.js";
import type { LoginAttempts } from "./login-attempts.js";
import type { Role } from "./role.js";
import type { SignInMethods } from "./sign-in-methods.js";
import { requireFree, type StoredEmail, type StoredName } from "./stored-names.js";
import type { UserSessions } from "./user-sessions.js";
import type { UserTransactions } from "./user-transactions.js";

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
   * Runs after `begin`. If it returns true, the password, all other ways to log in and the second factors are removed,
   * and all sessions end. Without this function, nothing is removed.
   */
  readonly losesPassword?: () => boolean;
}

export interface PasswordChanging extends PasswordChange, Steps {
  /**
   * The user's `credentialsVersion` when the caller checked the current password.
   * @default null: the caller did not check the current password
   */
  readonly credentialsVersion?: number | null | undefined;
  /**
   * Whether the user proved access to a mailbox instead of the current password. If so, and if the user has a second
   * factor, a locked account stays locked. See {@link LoginAttempts.keepCountIf}.
   * @default false
   */
  readonly isReset?: boolean;
}

/** Creates users, changes their names, addresses and passwords, and unlocks accounts. A new password ends sessions. */
export class AccountChanges {
  readonly #users: UserTransactions;
  readonly #failureLimit: number;
  readonly #attempts: Pick<LoginAttempts, "keepsCount">;
  readonly #sessions: UserSessions;
  readonly #signInMethods: Pick<SignInMethods, "removeAll">;

  constructor(
    users: UserTransactions,
    failureLimit: number,
    attempts: Pick<LoginAttempts, "keepsCount">,
    sessions: UserSessions,
    signInMethods: Pick<SignInMethods, "removeAll">,
  ) {
    this.#users = users;
    this.#failureLimit = failureLimit;
    this.#attempts = attempts;
    this.#sessions = sessions;
    this.#signInMethods = signInMethods;
  }

  /** Stores a new user. @throws {@link UsernameTaken}, {@link EmailTaken} */
  async create(user: UserRow, client: Client, finish?: InSameTransaction): Promise<void> {
    const { id, name, email, passwordHash, role, createdAt } = user;
    await this.#users.change(client, async (run, report) => {
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
    await this.#users.change(client, async (run, report) => {
      await begin?.(run, id);
      const user = await this.#users.read(run, id);
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
   * Stores a new hash, and ends the user's sessions except `keepSession`. Unlocks the account, except in two cases:
   * - `credentialsVersion` is given.
   * - `isReset` is true, and the user has a second factor.
   * @returns the number of ended sessions
   * @throws {@link NoSuchUser}
   * @throws {@link InvalidCredentials} when the user's `credentialsVersion` differs from the given one
   */
  async setPasswordHash(
    id: string,
    passwordHash: string,
    {
      keepSession = null,
      credentialsVersion = null,
      isReset = false,
      begin,
      finish,
    }: PasswordChanging,
    client: Client,
  ): Promise<number> {
    const keepsCount =
      credentialsVersion !== null ? "1 = 1" : isReset ? this.#attempts.keepsCount : "1 = 0";
    return this.#users.change(client, async (run, report) => {
      await begin?.(run, id);
      const changed = await run(
        `UPDATE "user" SET password_hash = ?, credentials_version = credentials_version + 1,
           failed_logins = CASE WHEN ${keepsCount} THEN failed_logins ELSE 0 END
         WHERE id = ? AND credentials_version = COALESCE(?, credentials_version) RETURNING id`,
        [passwordHash, id, credentialsVersion],
      );
      if (changed.length === 0) {
        await this.#users.read(run, id);
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
    await this.#users.change(client, async (run, report) => {
      const { failedLogins } = await this.#users.read(run, id);
      await run(`UPDATE "user" SET failed_logins = 0 WHERE id = ? RETURNING id`, [id]);
      const wasLocked = failedLogins >= this.#failureLimit;
      report(wasLocked ? { type: "account_unlocked", userId: id } : null);
    });
  }
}
