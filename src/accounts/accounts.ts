import type { Client } from "../events.js";
import type { PasswordPolicy } from "./password-policy.js";
import type { Role } from "./role.js";
import type { User } from "./user.js";
import type { UserCursor, UserPage, UserQuery } from "./user-query.js";
import type { UserRef } from "./user-ref.js";

/** The user name or the e-mail address that a user logs in with. Upper and lower case count as equal. */
export type Login = { readonly username: string } | { readonly email: string };

export interface NewUser {
  /**
   * 1 to 150 characters: letters of one script, digits and `. _ @ + -`, with no dot at the end. Japanese, Chinese and
   * Korean names may use all scripts of their language, and Latin.
   */
  readonly username: string;
  /** @default null: the user has no e-mail address, and logs in by user name only */
  readonly email?: string | null | undefined;
  /** @default null: the user cannot log in by password */
  readonly password?: string | null | undefined;
  /** @default the lowest role, which is `USER` unless the setting `roles` says otherwise */
  readonly role?: Role | undefined;
}

/** New values of a user. A value that is left out does not change. */
export interface UserChanges {
  readonly username?: string | undefined;
  /** Null removes the address. */
  readonly email?: string | null | undefined;
}

export interface PasswordChange {
  /** The id of a session to keep, such as the user's current session. @default none */
  readonly keepSession?: string | null | undefined;
}

/**
 * Creates, finds and administers users. Every method that takes a {@link UserRef} throws {@link NoSuchUser} when the
 * user does not exist.
 *
 * A change takes effect at the user's next request. With the setting `bearerCheck: "stateless"`, some changes take
 * effect later. GraphQL fields that need only the lowest role then accept an access token until it expires, even
 * if the user has been deactivated or deleted.
 *
 * If the audit trail is on, it records each change. The argument `client` says who made the change.
 * @example
 * const id = await auth.accounts.createUser({ username: "ada", email: "ada@example.com", password });
 * await auth.accounts.setRole(id, "ADMIN");
 * @example
 * const user = await auth.accounts.findUser({ email: "ada@example.com" });
 * if (user !== null) await auth.accounts.setActive(user, false);
 */
export interface Accounts {
  /** The rules for new passwords. */
  readonly passwordPolicy: PasswordPolicy;

  /**
   * Creates a user with a Profile.
   * @returns the id of the user
   * @throws {@link UsernameTaken} when another user has the user name, or a user name that looks like it
   * @throws {@link EmailTaken} when another user has the e-mail address
   * @throws {@link PasswordTooWeak} when the password is too short, too long or easy to guess
   * @throws {@link BadUserInput} when a value is malformed, or the role does not exist
   */
  createUser(user: NewUser, client?: Client): Promise<string>;

  /**
   * Changes the user name, the e-mail address, or both.
   * @throws {@link UsernameTaken} when another user has the user name, or a user name that looks like it
   * @throws {@link EmailTaken} when another user has the e-mail address
   * @throws {@link BadUserInput} when a value is malformed
   */
  updateUser(user: UserRef, changes: UserChanges, client?: Client): Promise<void>;

  /**
   * Returns the user with this user name or e-mail address, or null.
   * @throws {@link BadUserInput} when the name or address is malformed
   */
  findUser(login: Login): Promise<User | null>;

  /**
   * Returns a user.
   * @example
   * const { username, email } = await auth.accounts.getUser(id);
   */
  getUser(user: UserRef): Promise<User>;

  /**
   * Returns a page of users.
   * @param query filters and sorts. @default all users, newest first
   * @param first how many users to return at most, from 1 to 100. @default 20
   * @param after the cursor of the last user of the previous page; null for the first page
   * @throws {@link BadUserInput} when a value is malformed, too long or out of range
   * @example
   * const { users, hasNextPage } = await auth.accounts.users({ roles: ["ADMIN"], isActive: true });
   */
  users(query?: UserQuery, first?: number, after?: UserCursor | null): Promise<UserPage>;

  /**
   * Sets a new password, ends all sessions of the user except `keepSession`, and unlocks the account.
   * @returns the number of ended sessions
   * @throws {@link PasswordTooWeak} when the password is too short, too long or easy to guess
   * @throws {@link Vetoed} when a hook refuses the change
   * @throws {@link BadUserInput} when a value is malformed
   */
  setPassword(
    user: UserRef,
    password: string,
    change?: PasswordChange,
    client?: Client,
  ): Promise<number>;

  /**
   * Gives a user another role.
   * @throws {@link BadUserInput} when the role does not exist, or the last active administrator would get a lower role
   */
  setRole(user: UserRef, role: Role, client?: Client): Promise<void>;

  /**
   * Activates or deactivates a user. An inactive user cannot log in. A deactivation ends all sessions of the user for
   * good, including static tokens.
   * @throws {@link BadUserInput} when the last active administrator would be deactivated
   */
  setActive(user: UserRef, isActive: boolean, client?: Client): Promise<void>;

  /**
   * Unlocks an account that was locked after too many wrong passwords or second factors. Also ends the wait that rate
   * limiting imposes before the next login. If the setting `throttleStore` keeps the counters in memory, the wait ends
   * only in this process.
   */
  unlock(user: UserRef, client?: Client): Promise<void>;

  /**
   * Deletes a user with all sessions and tokens.
   * @throws {@link BadUserInput} when the user is the last active administrator
   */
  deleteUser(user: UserRef, client?: Client): Promise<void>;

  /** Returns true if no user exists. */
  hasNoUsers(): Promise<boolean>;
}
