import type { UserRef } from "../accounts/user-ref.js";
import type { SessionInfo } from "./principal.js";

/** A session's id, or an object with that `id`, such as `context.user.session`. */
export type SessionRef = string | { readonly id: string };

/**
 * The sessions of users. Each login opens one session. After a session has ended, its tokens are refused.
 *
 * There is one exception: with `bearerCheck: "stateless"`, fields that require only the lowest role may accept an
 * access token until it expires, even if its session has ended.
 */
export interface Sessions {
  /**
   * Returns the live sessions of a user, newest first: at most 100 sign-ins, 100 named tokens, and 100 access tokens of
   * another system, such as Django.
   * @throws {@link NoSuchUser}
   * @example
   * const user = await context.loadUser();
   * const others = (await auth.sessions.list(user)).filter(({ id }) => id !== user.session.id);
   */
  list(user: UserRef): Promise<readonly SessionInfo[]>;

  /**
   * Ends a session of any user. The caller must check the permission first.
   * @returns false if there is no such session, or it had already ended or expired
   * @throws {@link BadUserInput} when `session` is malformed
   * @example
   * const [newest] = await auth.sessions.list(user);
   * if (newest) await auth.sessions.end(newest);
   */
  end(session: SessionRef): Promise<boolean>;

  /**
   * Ends all open sessions of a user, including named tokens.
   * @returns how many sessions this call ended
   * @throws {@link NoSuchUser}
   * @example
   * const ended = await auth.sessions.endAll(user);
   * console.log(`${ended} sessions ended`);
   */
  endAll(user: UserRef): Promise<number>;
}
