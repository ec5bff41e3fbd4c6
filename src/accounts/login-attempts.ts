import { setImmediate } from "node:timers/promises";
import type { AuthConfig } from "../config/auth-config.js";
import type { Client } from "../events.js";
import type { Sql } from "../sql.js";
import type { Account } from "./account.service.js";
import type { PasswordHasher } from "./password-hasher.js";

export type LoginAttemptSettings = Pick<AuthConfig, "loginFailureLimit" | "onEvent">;

/**
 * Counts wrong passwords in a row. Too many of them lock the account.
 * @see NIST SP 800-63B 3.2.2
 */
export class LoginAttempts {
  readonly #sql: Sql;
  readonly #settings: LoginAttemptSettings;
  readonly #hasher: PasswordHasher;
  #writing: Promise<unknown> = Promise.resolve();

  constructor(sql: Sql, settings: LoginAttemptSettings, hasher: PasswordHasher) {
    this.#sql = sql;
    this.#settings = settings;
    this.#hasher = hasher;
  }

  isAllowed({ isActive, failedLogins }: Account): boolean {
    return Boolean(isActive) && failedLogins < this.#settings.loginFailureLimit;
  }

  /**
   * Records a right password, and resets the count of wrong passwords. Rehashes the password if the hash is outdated.
   * @param account the account before the password was checked
   * @param loginAt when the user logged in, in epoch milliseconds. Null if the user was signed in already
   * @returns false if the account has changed since the password check. The caller must then refuse the password
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
   * Counts a wrong password. Does not wait for the write, because the response time must not reveal whether the user
   * exists.
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

  async flush(): Promise<void> {
    await this.#writing;
  }
}
