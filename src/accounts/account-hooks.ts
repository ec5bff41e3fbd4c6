import type { Client } from "../events.js";
import type { User } from "./user.js";

type ChangedUser = Pick<User, "id" | "username" | "email">;

/** Functions that run before or after a user changes. Only `beforePasswordChange` may reject. */
export interface AccountHooks {
  /**
   * Runs after an administrator unlocked an account, or after a new password was set. After a new password, earlier
   * wrong answers to the second factor must still count, because anyone who can read the user's mails can set a
   * password.
   */
  onUnlocked(userId: string, by: "administrator" | "password"): Promise<void>;
  beforePasswordChange(user: ChangedUser, client: Client): Promise<void>;
  afterPasswordChange(user: ChangedUser, client: Client): Promise<void>;
  onUserDeleted(user: ChangedUser, client: Client): Promise<void>;
}
