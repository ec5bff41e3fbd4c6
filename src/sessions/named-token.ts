import type { SessionInfo } from "./principal.js";

/** SQL condition for {@link isNamedToken}. */
export const IS_NAMED_TOKEN = `(session.scheme = 'TOKEN' AND session.label IS NOT NULL)`;

/**
 * Returns whether the session is a static token with a name, such as a script uses. All other sessions are sign-ins. A
 * login never gives a name.
 */
export function isNamedToken({ scheme, label }: Pick<SessionInfo, "scheme" | "label">): boolean {
  return scheme === "TOKEN" && label !== null;
}
