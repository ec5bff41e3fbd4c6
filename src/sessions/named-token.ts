import type { SessionInfo } from "./principal.js";

/** SQL condition for {@link isNamedToken}. */
export const IS_NAMED_TOKEN = `(session.scheme = 'TOKEN' AND session.label IS NOT NULL)`;

/**
 * Returns whether the session is a named token: a static token with a label, such as `nightly backup`. A login never
 * opens a named token, because it sets no label.
 */
export function isNamedToken({ scheme, label }: Pick<SessionInfo, "scheme" | "label">): boolean {
  return scheme === "TOKEN" && label !== null;
}
