import type { Role } from "./accounts/role.js";
import type { Reason } from "./errors.js";

/** The kind of credential of a session: a static token, an access and refresh token, or one sliding token. */
export type AuthScheme = "TOKEN" | "JWT" | "SLIDING";

/** The client that sent a request. What is not known is null. */
export interface Client {
  readonly ipAddress: string | null;
  readonly userAgent: string | null;
  /** The id of the request in the log. */
  readonly requestId?: string | null;
}

/** The client of an operation outside any request: of a script, a command or a periodic job. */
export const NO_CLIENT: Client = { ipAddress: null, userAgent: null };

/**
 * An event for the audit trail. No event holds a password, a token or a hash; but `login` is the text that was typed
 * as the user name or e-mail address, and people type passwords into the wrong field.
 */
export type AuthEvent =
  | { type: "token_issued"; userId: string; sessionId: string; scheme: AuthScheme }
  | { type: "token_refreshed"; userId: string; sessionId: string }
  | { type: "token_reused"; userId: string; sessionId: string }
  | { type: "session_ended"; userId: string; sessionId: string }
  | { type: "login_failed"; login: string; reason: Reason }
  | { type: "account_locked"; userId: string }
  | { type: "role_denied"; userId: string; required: Role }
  | { type: "key_rotated"; kid: string };

/** Wraps an audit hook: if the hook fails, the operation continues, and the process prints a warning. */
export function reportSafely(
  onEvent: (event: AuthEvent, client: Client) => unknown,
): (event: AuthEvent, client: Client) => void {
  return (event, client) => {
    try {
      const done = onEvent(event, client);
      if (done instanceof Promise) done.catch(warn);
    } catch (error) {
      warn(error);
    }
  };
}

/** Prints a warning for an error that did not make a request fail. */
export function warn(error: unknown): void {
  process.emitWarning(
    error instanceof Error ? error : "An unknown error occurred; no request failed.",
  );
}
