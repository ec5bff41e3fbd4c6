import type { Role } from "./accounts/role.js";
import type { Reason } from "./errors.js";

/** How a session proves itself: a static token, an access and refresh pair, or one token that slides. */
export type AuthScheme = "TOKEN" | "JWT" | "SLIDING";

/** What is known of the program at the other end of a request. */
export interface Client {
  readonly ipAddress: string | null;
  readonly userAgent: string | null;
  /** Names the request in the log. */
  readonly requestId?: string | null;
}

/** Nobody over the network: what is done in code, or by itself. */
export const NO_CLIENT: Client = { ipAddress: null, userAgent: null };

/** What happened, for an audit trail. No event holds a password, a token or a hash. */
export type AuthEvent =
  | { type: "token_issued"; userId: string; sessionId: string; scheme: AuthScheme }
  | { type: "token_refreshed"; userId: string; sessionId: string }
  | { type: "token_reused"; userId: string; sessionId: string }
  | { type: "session_ended"; userId: string; sessionId: string }
  | { type: "login_failed"; login: string; reason: Reason }
  | { type: "account_locked"; userId: string }
  | { type: "role_denied"; userId: string; required: Role }
  | { type: "key_rotated"; kid: string };
