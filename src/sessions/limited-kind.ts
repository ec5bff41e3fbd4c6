import { IS_NAMED_TOKEN } from "./named-token.js";

/** A kind of session. A user can have 100 open sessions of each kind. */
export type LimitedKind = "signIn" | "namedToken" | "foreignAccessToken";

/**
 * SQL condition: the session belongs to an access token that another system issued. Such a session is not a sign-in.
 * Otherwise a client, which gets a new access token every few minutes, would soon have too many sign-ins.
 */
const IS_FOREIGN_ACCESS_TOKEN = `(session.scheme <> 'TOKEN' AND session.refresh_expires_at IS NULL)`;

/** The SQL condition for each kind. */
export const LIMITED_KINDS: Readonly<Record<LimitedKind, string>> = {
  signIn: `(NOT ${IS_NAMED_TOKEN} AND NOT ${IS_FOREIGN_ACCESS_TOKEN})`,
  namedToken: IS_NAMED_TOKEN,
  foreignAccessToken: IS_FOREIGN_ACCESS_TOKEN,
};
