import type { Reason } from "./errors.js";

/** The schemes a session can be opened with. */
export const AUTH_SCHEMES = ["TOKEN", "JWT"] as const;

/** How a session proves itself: a static token, or an access and refresh pair. */
export type AuthScheme = (typeof AUTH_SCHEMES)[number];

/** What happened, for an audit trail. No event holds a password, a token or a hash. */
export type AuthEvent =
  | { type: "token_issued"; userId: string; sessionId: string; scheme: AuthScheme }
  | { type: "token_refreshed"; userId: string; sessionId: string }
  | { type: "token_reused"; userId: string; sessionId: string }
  | { type: "session_ended"; userId: string; sessionId: string }
  | { type: "login_failed"; login: string; reason: Reason };
