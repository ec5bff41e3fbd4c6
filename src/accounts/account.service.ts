import { randomBytes } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import {
  DriverException,
  type EntityManager,
  UniqueConstraintViolationException,
} from "@mikro-orm/core";
import type { AuthConfig } from "../config/config.js";
import { BadUserInput, ServiceUnavailable } from "../errors.js";
import type { Client } from "../events.js";
import type { Sql } from "../sql.js";
import {
  canonicalEmail,
  canonicalUsername,
  requireNewEmail,
  requireNewUsername,
} from "./identifiers.js";
import type { Owner } from "./new-password.js";
import type { PasswordHasher } from "./password-hasher.js";
import { ProfileEntity } from "./profile.entity.js";
import { isRole, type Role } from "./role.js";
import { UserEntity } from "./user.entity.js";

/** By what a user is looked up to log in. */
export type Login = { username: string } | { email: string };

/** What a login needs to know of a user. */
export interface Account {
  readonly id: string;
  readonly passwordHash: string | null;
  readonly credentialsVersion: number;
  readonly isActive: boolean;
  /** Wrong passwords since the last right one. */
  readonly failedLogins: number;
}

/** What makes a new user. */
export interface NewUser {
  username: string;
  /** @default none: the user logs in by user name only */
  email?: string | null | undefined;
  /** @default none: the user cannot log in by password */
  password?: string | null | undefined;
  /** @default "USER" */
  role?: Role | undefined;
}

/** 128 bits in hex. */
const USER_ID = /^[0-9a-f]{32}$/;

const ACCOUNT = `
  SELECT id, password_hash AS "passwordHash", credentials_version AS "credentialsVersion", is_active AS "isActive",
    failed_logins AS "failedLogins"
  FROM "user"`;

/** Who exists: finds users, and changes them. */
export class AccountService {
  readonly #em: () => EntityManager;
  readonly #sql: Sql;
  readonly #config: AuthConfig;
  readonly #hasher: PasswordHasher;
  #recording: Promise<unknown> = Promise.resolve();

  constructor(em: () => EntityManager, sql: Sql, config: AuthConfig, hasher: PasswordHasher) {
    this.#em = em;
    this.#sql = sql;
    this.#config = config;
    this.#hasher = hasher;
  }

  /**
   * The user whom a login names, or null. Two users that share an identifier by old data count as none.
   * @throws {@link BadUserInput} when the identifier is malformed.
   */
  async findAccount(login: Login): Promise<Account | null> {
    const column = "username" in login ? "username_key" : "email_key";
    const accounts = await this.#sql.read<Account>(`${ACCOUNT} WHERE ${column} = ?`, [
      canonicalLogin(login),
    ]);
    return accounts.length === 1 ? (accounts[0] ?? null) : null;
  }

  /** The user with this id, or null. */
  async findAccountById(id: string): Promise<Account | null> {
    if (!USER_ID.test(id)) return null;
    const [account] = await this.#sql.read<Account>(`${ACCOUNT} WHERE id = ?`, [id]);
    return account ?? null;
  }

  /** Whether nobody can log in yet. */
  async hasNoUsers(): Promise<boolean> {
    return (await this.#em().count(UserEntity)) === 0;
  }

  /**
   * Creates a user with a Profile, and gives the user's id.
   * @throws {@link BadUserInput} when a value is malformed, or the user name or e-mail address is taken.
   */
  async createUser({
    username,
    email = null,
    password = null,
    role = "USER",
  }: NewUser): Promise<string> {
    const user = new UserEntity();
    user.id = randomBytes(16).toString("hex");
    user.username = username;
    user.usernameKey = requireNewUsername(username);
    user.email = email;
    user.emailKey = email === null ? null : requireNewEmail(email);
    if (password !== null) await this.#requireNewPassword(password, { username, email });
    user.passwordHash = password === null ? null : await this.#hasher.hash(password);
    user.createdAt = this.#config.now();
    requireRole(role);
    const profile = new ProfileEntity();
    profile.user = user;
    profile.role = role;
    try {
      await this.#em().persist([user, profile]).flush();
    } catch (error) {
      if (error instanceof UniqueConstraintViolationException) {
        throw new BadUserInput("A user with this user name or e-mail address exists already.");
      }
      // The ORM's message has the whole statement in it.
      throw error instanceof DriverException ? new ServiceUnavailable(1, error) : error;
    }
    return user.id;
  }

  /** Whether the account may log in, as it was when it was found. */
  isOpen({ isActive, failedLogins }: Account): boolean {
    return isActive && failedLogins < this.#config.loginFailureLimit;
  }

  /**
   * Remembers a login, and replaces a hash of old parameters, unless the password has changed or the account was locked
   * meanwhile.
   * @returns whether the login counts
   */
  async recordLogin(account: Account, password: string): Promise<boolean> {
    const passwordHash =
      account.passwordHash !== null && this.#hasher.needsRehash(account.passwordHash)
        ? await this.#hasher.hash(password)
        : account.passwordHash;
    const { loginFailureLimit, now } = this.#config;
    const recorded = await this.#sql.write(
      `UPDATE "user" SET last_login_at = ?, password_hash = ?, failed_logins = 0
       WHERE id = ? AND credentials_version = ? AND failed_logins < ? RETURNING id`,
      [now(), passwordHash, account.id, account.credentialsVersion, loginFailureLimit],
    );
    return recorded.length === 1;
  }

  /**
   * Counts a wrong password. It is written after the answer: that a user exists must not show in how long it takes.
   * @see NIST SP 800-63B 3.2.2
   */
  recordFailure({ id }: Account, client: Client): void {
    const write = async () => {
      const [user] = await this.#sql.write<Pick<Account, "failedLogins">>(
        `UPDATE "user" SET failed_logins = failed_logins + 1 WHERE id = ?
         RETURNING failed_logins AS "failedLogins"`,
        [id],
      );
      if (user?.failedLogins === this.#config.loginFailureLimit) {
        this.#config.onEvent({ type: "account_locked", userId: id }, client);
      }
    };
    this.#recording = this.#recording
      .then(() => setImmediate())
      .then(write)
      .catch(() => undefined);
  }

  /** Waits until what {@link AccountService.recordFailure} was told is written. */
  async flush(): Promise<void> {
    await this.#recording;
  }

  /**
   * Lets a user log in again who was locked out by too many wrong passwords.
   * @throws {@link BadUserInput} when there is no such user
   */
  async unlock(login: Login): Promise<void> {
    const account = await this.findAccount(login);
    await this.#updateUser(
      `UPDATE "user" SET failed_logins = 0 WHERE id = ? RETURNING id`,
      [account?.id ?? ""],
      NO_SUCH_USER,
    );
  }

  /**
   * Sets a new password. Every session the user has is over at its next request, and a locked account is open again.
   * @throws {@link BadUserInput} when the password is too short, too long or too weak, or the user does not exist.
   */
  async setPassword(userId: string, password: string): Promise<void> {
    const [owner] = await this.#sql.read<Owner>(`SELECT username, email FROM "user" WHERE id = ?`, [
      userId,
    ]);
    await this.#requireNewPassword(password, owner ?? { username: "", email: null });
    const passwordHash = await this.#hasher.hash(password);
    await this.#updateUser(
      `UPDATE "user" SET password_hash = ?, credentials_version = credentials_version + 1, failed_logins = 0
       WHERE id = ? RETURNING id`,
      [passwordHash, userId],
      NO_SUCH_USER,
    );
  }

  /**
   * Deactivates a user, or activates one again. While inactive, none of the user's credentials work.
   * @throws {@link BadUserInput} when the user does not exist, or is the last active ADMIN.
   */
  async setActive(userId: string, isActive: boolean): Promise<void> {
    await this.#updateUser(
      `UPDATE "user" SET is_active = ? WHERE id = ? AND (? OR ${ANOTHER_ADMIN}) RETURNING id`,
      [isActive, userId, isActive, userId, userId],
    );
  }

  /**
   * Changes what a user may do, from the next request on.
   * @throws {@link BadUserInput} when the user does not exist, or is the last active ADMIN.
   */
  async setRole(userId: string, role: Role): Promise<void> {
    requireRole(role);
    await this.#updateUser(
      `INSERT INTO profile (user_id, role) SELECT id, ? FROM "user" WHERE id = ? AND (? OR ${ANOTHER_ADMIN})
       ON CONFLICT (user_id) DO UPDATE SET role = excluded.role RETURNING user_id`,
      [role, userId, role === "ADMIN", userId, userId],
    );
  }

  /**
   * Deletes a user and all that is the user's.
   * @throws {@link BadUserInput} when the user does not exist, or is the last active ADMIN.
   */
  async deleteUser(userId: string): Promise<void> {
    await this.#updateUser(`DELETE FROM "user" WHERE id = ? AND ${ANOTHER_ADMIN} RETURNING id`, [
      userId,
      userId,
      userId,
    ]);
  }

  /** What knows the common passwords takes a tenth of a second to load, which no start has to wait for. */
  async #requireNewPassword(password: string, owner: Owner): Promise<void> {
    const { requireNewPassword } = await import("./new-password.js");
    requireNewPassword(password, owner, this.#config.passwordMinLength);
  }

  /** In turn, because two admins who remove each other at once would each find the other still there. */
  async #updateUser(
    statement: string,
    parameters: (string | number | boolean)[],
    problem = "There is no such user, or it is the last active ADMIN, who has to stay.",
  ): Promise<void> {
    const changed = await this.#sql.writeExclusive(statement, parameters);
    if (changed.length === 0) throw new BadUserInput(problem);
  }
}

/**
 * What a login names, in the form in which it is compared.
 * @throws {@link BadUserInput} when it is malformed
 */
export function canonicalLogin(login: Login): string {
  return "username" in login ? canonicalUsername(login.username) : canonicalEmail(login.email);
}

function requireRole(role: Role): void {
  if (!isRole(role)) throw new BadUserInput("role must be USER or ADMIN.");
}

const NO_SUCH_USER = "There is no such user.";

/** Holds unless the user of the two `?` is the only active ADMIN. */
const ANOTHER_ADMIN = `(
  NOT EXISTS (SELECT 1 FROM profile WHERE user_id = ? AND role = 'ADMIN')
  OR EXISTS (
    SELECT 1 FROM profile p JOIN "user" u ON u.id = p.user_id
    WHERE p.role = 'ADMIN' AND u.is_active AND u.id <> ?))`;
