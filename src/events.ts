import type { Role } from "./accounts/role.js";
import type { Reason } from "./errors.js";

/** How a session proves itself: a static token, an access and refresh pair, or one token that slides. */
export type AuthScheme = "TOKEN" | "JWT" | "SLIDING";

/** What happened, for an audit trail. No event holds a password, a token or a hash. */
export type AuthEvent =
  | { type: "token_issued"; userId: string; sessionId: string; scheme: AuthScheme }
  | { type: "token_refreshed"; userId: string; sessionId: string }
  | { type: "token_reused"; userId: string; sessionId: string }
  | { type: "session_ended"; userId: string; sessionId: string }
  | { type: "login_failed"; login: string; reason: Reason }
  | { type: "role_denied"; userId: string; required: Role }
  | { type: "key_rotated"; kid: string };
