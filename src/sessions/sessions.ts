import type { UserRef } from "../accounts/user-ref.js";
import type { SessionInfo } from "./principal.js";

/** A session, named by id or by any object that has the id, such as `context.user.session`. */
export type SessionRef = string | { readonly id: string };

/**
 * The sessions of users. Each login opens one session, whatever its scheme. After a session has ended, its tokens are
 * refused from the next request on. One exception: with `bearerCheck: "stateless"`, fields that need only the lowest
 * role accept an access token until it expires.
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
   * @param session a session, such as `user.session`, or its id
   * @returns whether this call ended the session: false when there is no such session, or it was already over
   * @throws {@link BadUserInput} when `session` is neither a string nor an object with an id
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
