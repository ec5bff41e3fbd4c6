import type { AuthConfig } from "../config/auth-config.js";
import { BadUserInput } from "../errors.js";
import { type Client, NO_CLIENT } from "../events.js";
import type { RunStatement, Sql, TransactionalSql } from "../sql.js";
import { AccessChanges } from "./access-changes.js";
import { type Account, findAccount, findAccountById } from "./account.js";
import {
  AccountChanges,
  type InSameTransaction,
  type PasswordChanging,
  type Steps,
  type UpdateSteps,
} from "./account-changes.js";
import type { AccountHooks } from "./account-hooks.js";
import type { Accounts, Login, NewUser, UserChanges } from "./accounts.js";
import { NoSuchUser } from "./errors.js";
import { isId, newId } from "./id.js";
import { parseLogin, requireObject } from "./identifiers.js";
import type { LoginAttempts } from "./login-attempts.js";
import type { Owner } from "./new-password.js";
import type { PasswordHasher } from "./password-hasher.js";
import { type PasswordPolicy, passwordPolicyOf } from "./password-policy.js";
import type { Role } from "./role.js";
import type { SignInMethods } from "./sign-in-methods.js";
import { requireFree, toStoredEmail, toStoredName } from "./stored-names.js";
import type { User } from "./user.js";
import { UserList } from "./user-list.js";
import type { UserCursor, UserPage, UserQuery } from "./user-query.js";
import { idOf, type UserRef } from "./user-ref.js";
import type { UserSessions } from "./user-sessions.js";
import { type ChangeSettings, throwWithoutValues, UserTransactions } from "./user-transactions.js";

export type AccountSettings = ChangeSettings & Pick<AuthConfig, "now" | "passwordMinLength">;

const DEFAULT_PAGE_SIZE = 20;

export class AccountService implements Accounts {
  readonly passwordPolicy: PasswordPolicy;
  readonly #sql: Sql;
  readonly #settings: AccountSettings;
  readonly #hasher: PasswordHasher;
  readonly #changes: AccountChanges;
  readonly #access: AccessChanges;
  readonly #list: UserList;
  readonly #hooks: AccountHooks;

  constructor(
    sql: TransactionalSql,
    settings: AccountSettings,
    hasher: PasswordHasher,
    attempts: Pick<LoginAttempts, "keepsCount">,
    sessions: UserSessions,
    signInMethods: Pick<SignInMethods, "removeAll">,
    hooks: AccountHooks,
  ) {
    this.passwordPolicy = passwordPolicyOf(settings);
    this.#sql = sql;
    this.#settings = settings;
    this.#hasher = hasher;
    const users = new UserTransactions(sql, settings);
    const { loginFailureLimit } = settings;
    this.#changes = new AccountChanges(users, loginFailureLimit, attempts, sessions, signInMethods);
    this.#access = new AccessChanges(users, settings.roles, sessions);
    this.#list = new UserList(sql, settings.roles);
    this.#hooks = hooks;
  }

  /** @throws {@link BadUserInput} when `login` is malformed, for example when the user name is empty */
  findAccount(login: Login): Promise<Account | null> {
    return findAccount(this.#sql, login);
  }

  findAccountById(id: string): Promise<Account | null> {
    return findAccountById(this.#sql, id);
  }

  async findUser(login: Login): Promise<User | null> {
    const { field, canonical } = parseLogin(login);
    return this.#list.findBy(`${field}_key`, canonical);
  }

  async getUser(user: UserRef): Promise<User> {
    const found = await this.findById(idOf(user));
    if (found === null) throw new NoSuchUser();
    return found;
  }

  async findById(id: string): Promise<User | null> {
    return this.#list.findBy("id", id);
  }

  users(
    query: UserQuery = {},
    first = DEFAULT_PAGE_SIZE,
    after: UserCursor | null = null,
  ): Promise<UserPage> {
    return this.#list.page(query, first, after);
  }

  /** Returns the users with these ids, in any order. Ignores unknown ids. */
  findByIds(ids: readonly string[]): Promise<readonly User[]> {
    return this.#list.findByIds(ids);
  }

  async hasNoUsers(): Promise<boolean> {
    const users = await this.#sql.read(`SELECT id FROM "user" LIMIT 1`, []);
    return users.length === 0;
  }

  /**
   * Requires that a new user can have this name. Does not reserve the name.
   * @throws {@link UsernameTaken}
   * @throws {@link BadUserInput} when the rules for user names do not allow the name
   */
  async requireFreeName(username: string): Promise<void> {
    const read: RunStatement = (statement, parameters) => this.#sql.read(statement, parameters);
    await requireFree(read, "", await toStoredName(username), undefined);
  }

  /**
   * Requires that a new password is hard to guess, and follows the {@link AccountService.passwordPolicy}.
   * @param owner the user, whose name and address count as easy to guess
   * @throws {@link PasswordTooWeak}
   * @throws {@link BadUserInput} when the password is empty or is not well-formed text
   */
  async requireStrongPassword(password: string, owner: Owner): Promise<void> {
    // Load the password dictionary on first use, because loading it takes 100 ms.
    const { requireNewPassword } = await import("./new-password.js");
    requireNewPassword(password, owner, this.#settings.passwordMinLength);
  }

  /** @param finish runs at the end of the transaction, for example to queue a mail */
  async createUser(
    values: NewUser,
    client: Client = NO_CLIENT,
    finish?: InSameTransaction,
  ): Promise<string> {
    requireObject("user", values);
    const { roles, now } = this.#settings;
    const { username, email = null, password = null, role = roles.lowest } = values;
    this.#requireKnownRole(role);
    const id = newId();
    const name = await toStoredName(username);
    const storedEmail = toStoredEmail(email);
    const passwordHash =
      password === null ? null : await this.#hashNewPassword(password, { username, email });
    const user = { id, name, email: storedEmail, passwordHash, role, createdAt: now() };
    await this.#changes.create(user, client, finish).catch(throwWithoutValues);
    return id;
  }

  /** @param steps run in the transaction that updates the user, even if no value changes */
  async updateUser(
    user: UserRef,
    changes: UserChanges,
    client: Client = NO_CLIENT,
    steps: UpdateSteps = {},
  ): Promise<void> {
    const id = idOf(user);
    requireObject("changes", changes);
    const { username, email } = changes;
    const update = {
      ...(username !== undefined && { name: await toStoredName(username) }),
      ...(email !== undefined && { email: toStoredEmail(email) }),
    };
    await this.#changes.update(id, update, client, steps).catch(throwWithoutValues);
  }

  async setPassword(
    user: UserRef,
    password: string,
    change: PasswordChanging = {},
    client: Client = NO_CLIENT,
  ): Promise<number> {
    requireObject("change", change);
    const { keepSession } = change;
    if (keepSession != null && !isId(keepSession)) {
      throw new BadUserInput("keepSession must be the id of a session.");
    }
    const { id, username, email } = await this.getUser(user);
    const owner = { id, username, email };
    const hash = await this.#hashNewPassword(password, owner, () =>
      this.#hooks.beforePasswordChange(owner, client),
    );
    const sessionsEnded = await this.#changes.setPasswordHash(id, hash, change, client);
    await this.#hooks.onUnlocked(id, "password");
    await this.#hooks.afterPasswordChange(owner, client);
    return sessionsEnded;
  }

  async unlock(user: UserRef, client: Client = NO_CLIENT): Promise<void> {
    const id = idOf(user);
    await this.#changes.unlock(id, client);
    await this.#hooks.onUnlocked(id, "administrator");
  }

  /** @param steps run in the transaction that activates or deactivates the user */
  async setActive(
    user: UserRef,
    isActive: boolean,
    client: Client = NO_CLIENT,
    steps: Steps = {},
  ): Promise<void> {
    const id = idOf(user);
    if (typeof isActive !== "boolean") throw new BadUserInput("isActive must be true or false.");
    await this.#access.setActive(id, isActive, client, steps);
  }

  async setRole(user: UserRef, role: Role, client: Client = NO_CLIENT): Promise<void> {
    const id = idOf(user);
    this.#requireKnownRole(role);
    await this.#access.setRole(id, role, client);
  }

  /** @param finish runs in the transaction, before the user's row is deleted */
  async deleteUser(
    user: UserRef,
    client: Client = NO_CLIENT,
    finish?: InSameTransaction,
  ): Promise<void> {
    const id = idOf(user);
    const deleted = await this.#access.deleteUser(id, client, finish);
    await this.#hooks.onUserDeleted({ id, ...deleted }, client);
  }

  #requireKnownRole(role: Role): void {
    const { roles } = this.#settings;
    if (!roles.has(role)) throw new BadUserInput(`role must be ${roles.toString()}.`);
  }

  /** @param approve runs after the check that the password is strong, and before the password is hashed */
  async #hashNewPassword(
    password: string,
    owner: Owner,
    approve?: () => Promise<void>,
  ): Promise<string> {
    await this.requireStrongPassword(password, owner);
    await approve?.();
    return this.#hasher.hash(password);
  }
}
