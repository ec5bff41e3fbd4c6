import type { UserRef } from "../accounts/user-ref.js";
import type { SessionInfo } from "./principal.js";

/** A session's id, or an object with that `id`, such as `context.user.session`. */
export type SessionRef = string | { readonly id: string };

/**
 * The sessions of users. Each login opens one session. From the next request on, the tokens of an ended session are
 * refused.
 *
 * One exception: with `bearerCheck: "stateless"`, access tokens are not checked against the database. Fields that need
 * only the lowest role then accept the access token of an ended session until it expires.
 */
export interface Sessions {
  /**
   * Returns the live sessions of a user, newest first: at most 100.
   * @throws {@link NoSuchUser}
   * @example
   * const user = await context.loadUser();
   * const others = (await auth.sessions.list(user)).filter(({ id }) => id !== user.session.id);
   */
  list(user: UserRef): Promise<readonly SessionInfo[]>;

  /**
   * Ends a session of any user. The caller must check permission first.
   * @returns false if there is no such session, or it was already over
   * @throws {@link BadUserInput} when `session` is malformed
   * @example
   * const [newest] = await auth.sessions.list(user);
   * if (newest) await auth.sessions.end(newest);
   */
  end(session: SessionRef): Promise<boolean>;

  /**
   * Ends all open sessions of a user.
   * @returns how many sessions this call ended
   * @throws {@link NoSuchUser}
   * @example
   * const ended = await auth.sessions.endAll(user);
   * console.log(`${ended} sessions ended`);
   */
  endAll(user: UserRef): Promise<number>;
}
