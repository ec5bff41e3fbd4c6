import { setImmediate } from "node:timers/promises";
import type { AuthConfig } from "../config/auth-config.js";
import type { Client } from "../events.js";
import type { Sql } from "../sql.js";
import type { Account } from "./account.service.js";
import type { PasswordHasher } from "./password-hasher.js";

/** The settings of {@link LoginAttempts}. */
export type LoginAttemptSettings = Pick<AuthConfig, "loginFailureLimit" | "onEvent">;

/**
 * Records logins, and counts wrong passwords. Too many wrong passwords in a row lock the account until it is unlocked
 * or gets a new password.
 * @see NIST SP 800-63B 3.2.2
 */
export class LoginAttempts {
  readonly #sql: Sql;
  readonly #settings: LoginAttemptSettings;
  readonly #hasher: PasswordHasher;
  #writing: Promise<unknown> = Promise.resolve();

  /** @param hasher rehashes passwords whose hash was made with old parameters */
  constructor(sql: Sql, settings: LoginAttemptSettings, hasher: PasswordHasher) {
    this.#sql = sql;
    this.#settings = settings;
    this.#hasher = hasher;
  }

  /** Returns whether the account may log in: it is active and not locked. */
  isAllowed({ isActive, failedLogins }: Account): boolean {
    return Boolean(isActive) && failedLogins < this.#settings.loginFailureLimit;
  }

  /**
   * Records a right password: sets the count of wrong passwords to zero. Rehashes the password if its hash was made with old
   * parameters.
   * @param account the account as it was read before the password was checked
   * @param loginAt the time of the login, in epoch milliseconds. Null if the user was signed in already
   * @returns false if the account got a new password, or was deactivated, deleted or locked, after `account` was read.
   * In this case, the caller must refuse the password
   */
  async recordSuccess(
    account: Account,
    password: string,
    loginAt: number | null,
  ): Promise<boolean> {
    const { id, passwordHash, credentialsVersion } = account;
    const isOutdated = passwordHash !== null && this.#hasher.needsRehash(passwordHash);
    const currentHash = isOutdated ? await this.#hasher.hash(password) : passwordHash;
    const { loginFailureLimit } = this.#settings;
    const recorded = await this.#sql.write(
      `UPDATE "user" SET last_login_at = COALESCE(?, last_login_at), password_hash = ?, failed_logins = 0
       WHERE id = ? AND credentials_version = ? AND failed_logins < ? RETURNING id`,
      [loginAt, currentHash, id, credentialsVersion, loginFailureLimit],
    );
    return recorded.length === 1;
  }

  /**
   * Counts a wrong password. The login does not wait until the count is written, because the response time must not
   * reveal whether the user exists.
   */
  recordFailure({ id }: Account, client: Client): void {
    this.#writing = this.#writing
      .then(() => setImmediate())
      .then(() => this.#writeFailure(id, client))
      .catch(() => undefined);
  }

  async #writeFailure(id: string, client: Client): Promise<void> {
    const [user] = await this.#sql.write<Pick<Account, "failedLogins">>(
      `UPDATE "user" SET failed_logins = failed_logins + 1 WHERE id = ?
       RETURNING failed_logins AS "failedLogins"`,
      [id],
    );
    if (user?.failedLogins === this.#settings.loginFailureLimit) {
      this.#settings.onEvent({ type: "account_locked", userId: id }, client);
    }
  }

  /** Waits until all wrong passwords so far have been counted in the database. */
  async flush(): Promise<void> {
    await this.#writing;
  }
}
