import {
  DriverException,
  type EntityManager,
  UniqueConstraintViolationException,
} from "@mikro-orm/core";
import type { AuthConfig } from "../config/auth-config.js";
import { BadUserInput, NoSuchUser, ServiceUnavailable } from "../errors.js";
import type { Sql, TransactionalSql } from "../sql.js";
import { AccountChanges, type UserSessions } from "./account-changes.js";
import type { Accounts, Login, NewUser } from "./accounts.js";
import { newId } from "./id.js";
import { parseLogin, requireNewEmail, requireNewUsername, requireObject } from "./identifiers.js";
import type { Owner } from "./new-password.js";
import type { PasswordHasher } from "./password-hasher.js";
import { ProfileEntity } from "./profile.entity.js";
import type { Role } from "./role.js";
import type { User } from "./user.js";
import { UserEntity } from "./user.entity.js";
import { idOf, type UserRef } from "./user-ref.js";

/** The columns of the table `user` that a check of the password reads. */
export interface Account {
  readonly id: string;
  readonly passwordHash: string | null;
  readonly credentialsVersion: number;
  /** SQLite's booleans are numbers. */
  readonly isActive: boolean | number;
  readonly failedLogins: number;
}

const ACCOUNT = `
  SELECT id, password_hash AS "passwordHash", credentials_version AS "credentialsVersion", is_active AS "isActive",
    failed_logins AS "failedLogins"
  FROM "user"`;

const USER = `
  SELECT id, username, email, is_active AS "isActive", created_at AS "createdAt", last_login_at AS "lastLoginAt", role
  FROM "user" u LEFT JOIN profile p ON p.user_id = u.id`;

type UserRow = Omit<User, "isActive" | "role"> & {
  readonly isActive: boolean | number;
  /** Null for a user without a Profile. */
  readonly role: Role | null;
};

export type AccountSettings = Pick<AuthConfig, "now" | "passwordMinLength" | "roles">;

export class AccountService implements Accounts {
  readonly #em: () => EntityManager;
  readonly #sql: Sql;
  readonly #settings: AccountSettings;
  readonly #hasher: PasswordHasher;
  readonly #changes: AccountChanges;

  constructor(
    em: () => EntityManager,
    sql: TransactionalSql,
    settings: AccountSettings,
    hasher: PasswordHasher,
    sessions: UserSessions,
  ) {
    this.#em = em;
    this.#sql = sql;
    this.#settings = settings;
    this.#hasher = hasher;
    this.#changes = new AccountChanges(sql, settings.roles, sessions);
  }

  /** @throws {@link BadUserInput} when the user name or e-mail address is malformed */
  findAccount(login: Login): Promise<Account | null> {
    return this.#findByLogin(ACCOUNT, login);
  }

  /** Returns the account of a user, or null. */
  async findAccountById(id: string): Promise<Account | null> {
    const [account] = await this.#sql.read<Account>(`${ACCOUNT} WHERE id = ?`, [id]);
    return account ?? null;
  }

  async findUser(login: Login): Promise<User | null> {
    const row = await this.#findByLogin<UserRow>(USER, login);
    return row && this.#toUser(row);
  }

  async getUser(user: UserRef): Promise<User> {
    const found = await this.findById(idOf(user));
    if (found === null) throw new NoSuchUser();
    return found;
  }

  async findById(id: string): Promise<User | null> {
    const [row] = await this.#sql.read<UserRow>(`${USER} WHERE id = ?`, [id]);
    return row === undefined ? null : this.#toUser(row);
  }

  async #findByLogin<Row>(select: string, login: Login): Promise<Row | null> {
    const { field, canonical } = parseLogin(login);
    const rows = await this.#sql.read<Row>(`${select} WHERE ${field}_key = ?`, [canonical]);
    return rows.length === 1 ? (rows[0] ?? null) : null;
  }

  async hasNoUsers(): Promise<boolean> {
    const users = await this.#sql.read(`SELECT id FROM "user" LIMIT 1`, []);
    return users.length === 0;
  }

  async createUser(values: NewUser): Promise<string> {
    requireObject("user", values);
    const { roles } = this.#settings;
    const { username, email = null, password = null, role = roles.lowest } = values;
    this.#requireKnownRole(role);
    const user = new UserEntity();
    user.id = newId();
    user.username = username;
    user.usernameKey = requireNewUsername(username);
    user.email = email;
    user.emailKey = email === null ? null : requireNewEmail(email);
    user.passwordHash =
      password === null ? null : await this.#hashNewPassword(password, { username, email });
    user.createdAt = this.#settings.now();
    const profile = new ProfileEntity();
    profile.user = user;
    profile.role = role;
    try {
      await this.#em().persist([user, profile]).flush();
    } catch (error) {
      if (error instanceof UniqueConstraintViolationException) {
        throw new BadUserInput("A user with this user name or e-mail address exists already.");
      }
      // The message of a DriverException contains the user's data, so only its code is logged.
      if (!(error instanceof DriverException)) throw error;
      throw new ServiceUnavailable(1, new Error(`The user could not be stored: ${error.code}`));
    }
    return user.id;
  }

  async setPassword(user: UserRef, password: string): Promise<void> {
    const owner = await this.getUser(user);
    await this.#changes.setPasswordHash(owner.id, await this.#hashNewPassword(password, owner));
  }

  async unlock(user: UserRef): Promise<void> {
    const changed = await this.#sql.write(
      `UPDATE "user" SET failed_logins = 0 WHERE id = ? RETURNING id`,
      [idOf(user)],
    );
    if (changed.length === 0) throw new NoSuchUser();
  }

  async setActive(user: UserRef, isActive: boolean): Promise<void> {
    const id = idOf(user);
    requireBoolean("isActive", isActive);
    await this.#changes.setActive(id, isActive);
  }

  async setRole(user: UserRef, role: Role): Promise<void> {
    const id = idOf(user);
    this.#requireKnownRole(role);
    await this.#changes.setRole(id, role);
  }

  async deleteUser(user: UserRef): Promise<void> {
    await this.#changes.deleteUser(idOf(user));
  }

  #requireKnownRole(role: Role): void {
    const { roles } = this.#settings;
    if (!roles.has(role)) throw new BadUserInput(`role must be ${roles.toString()}.`);
  }

  #toUser({ isActive, role, ...row }: UserRow): User {
    return { ...row, isActive: Boolean(isActive), role: role ?? this.#settings.roles.lowest };
  }

  async #hashNewPassword(password: string, owner: Owner): Promise<string> {
    // Loaded on first use, because the password dictionary takes 100 ms to load.
    const { requireNewPassword } = await import("./new-password.js");
    requireNewPassword(password, owner, this.#settings.passwordMinLength);
    return this.#hasher.hash(password);
  }
}

function requireBoolean(name: string, value: unknown): void {
  if (typeof value !== "boolean") throw new BadUserInput(`${name} must be true or false.`);
}
