import { setImmediate } from "node:timers/promises";
import type { AuthConfig } from "../config/auth-config.js";
import type { Client } from "../events.js";
import type { RunStatement, TransactionalSql } from "../sql.js";
import type { Account } from "./account.js";
import type { PasswordHasher } from "./password-hasher.js";

export type LoginAttemptSettings = Pick<AuthConfig, "loginFailureLimit" | "onEvent">;

/** @param keepsCount see {@link LoginAttempts.keepsCount} */
const recordIf = (keepsCount: string) => `
  UPDATE "user" SET last_login_at = COALESCE(?, last_login_at), password_hash = ?,
    failed_logins = CASE WHEN ${keepsCount} THEN failed_logins ELSE 0 END
  WHERE id = ? AND password_hash = ? AND credentials_version = ? AND failed_logins < ? RETURNING id`;

const RECORD_SIGN_IN = `UPDATE "user" SET last_login_at = ? WHERE id = ?`;

const RECORD_SIGN_IN_AND_RESET = `UPDATE "user" SET last_login_at = ?, failed_logins = 0 WHERE id = ?`;

/**
 * Counts a user's wrong passwords and second factors in a row. At `loginFailureLimit`, the account is locked.
 * @see NIST SP 800-63B 3.2.2
 */
export class LoginAttempts {
  readonly #sql: TransactionalSql;
  readonly #settings: LoginAttemptSettings;
  readonly #hasher: PasswordHasher;
  #keepsCount = () => "1 = 0";
  #writing: Promise<unknown> = Promise.resolve();

  constructor(sql: TransactionalSql, settings: LoginAttemptSettings, hasher: PasswordHasher) {
    this.#sql = sql;
    this.#settings = settings;
    this.#hasher = hasher;
  }

  /**
   * Sets a condition for users who have a second factor. If a user matches the condition, a right password alone does
   * not reset the count of failures. Otherwise a thief of the password could guess codes of the second factor without
   * end.
   * @param condition returns an SQL condition without parameters over the row `"user"`
   */
  keepCountIf(condition: () => string): void {
    this.#keepsCount = condition;
  }

  /** SQL condition: the row `"user"` matches the condition of {@link LoginAttempts.keepCountIf}. */
  get keepsCount(): string {
    return this.#keepsCount();
  }

  isAllowed({ isActive, failedLogins }: Account): boolean {
    return Boolean(isActive) && failedLogins < this.#settings.loginFailureLimit;
  }

  /**
   * Resets the count of failures after a right password, unless the user matches {@link LoginAttempts.keepCountIf}.
   * Rehashes the password if its hash is outdated.
   * @param account the account as it was before the password check
   * @param loginAt when the user logged in, in epoch milliseconds. Null if the user was already logged in
   * @param finish runs last, in the same transaction
   * @returns the result of `finish`. Null if the check no longer counts, for example because the account was locked
   * meanwhile. The caller must then refuse the password
   */
  async recordSuccess<Result>(
    account: Account,
    password: string,
    loginAt: number | null,
    finish: (run: RunStatement) => Promise<Result>,
  ): Promise<Result | null> {
    const { id, passwordHash, credentialsVersion } = account;
    const isOutdated = passwordHash !== null && this.#hasher.needsRehash(passwordHash);
    const currentHash = isOutdated ? await this.#hasher.hash(password) : passwordHash;
    const { loginFailureLimit } = this.#settings;
    const values = [loginAt, currentHash, id, passwordHash, credentialsVersion, loginFailureLimit];
    const finished = await this.#sql.inSharedTransaction(async (run) => {
      const recorded = await run(recordIf(this.keepsCount), values);
      return recorded.length === 1 ? { result: await finish(run) } : null;
    });
    if (finished !== null) return finished.result;
    const replaced = await this.#readReplaced(account);
    if (replaced === null || !(await this.#hasher.verify(replaced, password))) return null;
    return this.recordSuccess({ ...account, passwordHash: replaced }, password, loginAt, finish);
  }

  /**
   * Records a login that is not by password alone.
   * @param resetsCount whether to reset the count of wrong passwords and second factors
   * @param loginAt when the user logged in, in epoch milliseconds
   * @param finish runs last, in the same transaction
   */
  recordSignIn<Result>(
    userId: string,
    { loginAt, resetsCount }: { readonly loginAt: number; readonly resetsCount: boolean },
    finish: (run: RunStatement) => Promise<Result>,
  ): Promise<Result> {
    return this.#sql.inSharedTransaction(async (run) => {
      await run(resetsCount ? RECORD_SIGN_IN_AND_RESET : RECORD_SIGN_IN, [loginAt, userId]);
      return finish(run);
    });
  }

  /**
   * Returns the user's password hash if it has changed since the password check, but `credentials_version` has not.
   * Otherwise returns null. Another login may have rehashed the password, or an import may have stored a new hash.
   */
  async #readReplaced({ id, passwordHash, credentialsVersion }: Account): Promise<string | null> {
    const [user] = await this.#sql.read<Pick<Account, "passwordHash">>(
      `SELECT password_hash AS "passwordHash" FROM "user" WHERE id = ? AND credentials_version = ?`,
      [id, credentialsVersion],
    );
    const current = user?.passwordHash ?? null;
    return current === passwordHash ? null : current;
  }

  /**
   * Counts a wrong password or second factor. The caller does not wait for the write, because the response time must
   * not reveal whether the user exists.
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
