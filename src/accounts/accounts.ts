import type { Role } from "./role.js";
import type { User } from "./user.js";
import type { UserRef } from "./user-ref.js";

/** The name that a user logs in with: the user name or the e-mail address. Upper and lower case count as equal. */
export type Login = { readonly username: string } | { readonly email: string };

/** The values of a new user. */
export interface NewUser {
  /** 1 to 150 characters: letters, digits and `. _ @ + -`. */
  readonly username: string;
  /** @default null: the user has no e-mail address, and logs in by user name only */
  readonly email?: string | null | undefined;
  /** @default null: the user cannot log in by password */
  readonly password?: string | null | undefined;
  /** @default the lowest role, such as `USER` */
  readonly role?: Role | undefined;
}

/**
 * Creates, finds and administers users. A method that takes a {@link UserRef} throws {@link NoSuchUser} if the user
 * does not exist.
 *
 * A change takes effect at the user's next request. One exception: with `bearerCheck: "stateless"`, access tokens are
 * not checked against the database. Fields that need only the lowest role then accept the access token of a deleted
 * user until it expires.
 * @example
 * const id = await auth.accounts.createUser({ username: "ada", email: "ada@example.com", password });
 * await auth.accounts.setRole(id, "ADMIN");
 * @example
 * const user = await auth.accounts.findUser({ email: "ada@example.com" });
 * if (user !== null) await auth.accounts.setActive(user, false);
 */
export interface Accounts {
  /**
   * Creates a user with a Profile.
   * @returns the id of the user
   * @throws {@link BadUserInput} when a value is malformed, or the role does not exist
   * @throws {@link BadUserInput} when the user name or e-mail address is taken
   * @throws {@link BadUserInput} when the password is too short, too long or easy to guess
   */
  createUser(user: NewUser): Promise<string>;

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
   * Sets a new password, ends all sessions of the user, and unlocks the account if it is locked.
   * @throws {@link BadUserInput} when the password is too short, too long or easy to guess
   */
  setPassword(user: UserRef, password: string): Promise<void>;

  /**
   * Sets the role.
   * @throws {@link BadUserInput} when the role does not exist, or the last active administrator would get a lower role
   */
  setRole(user: UserRef, role: Role): Promise<void>;

  /**
   * Activates or deactivates a user. An inactive user cannot log in. A deactivation ends all sessions of the user,
   * including static tokens. A later activation does not bring them back.
   * @throws {@link BadUserInput} when the last active administrator would be deactivated
   */
  setActive(user: UserRef, isActive: boolean): Promise<void>;

  /** Unlocks an account that too many wrong passwords have locked. */
  unlock(user: UserRef): Promise<void>;

  /**
   * Deletes a user with all sessions and tokens.
   * @throws {@link BadUserInput} when the user is the last active administrator
   */
  deleteUser(user: UserRef): Promise<void>;

  /** Returns whether there are no users yet. */
  hasNoUsers(): Promise<boolean>;
}
