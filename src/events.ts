import type { Role } from "./accounts/role.js";

/** The kind of credential of a session: a static token, an access token with a refresh token, or a sliding token. */
export type AuthScheme = "TOKEN" | "JWT" | "SLIDING";

/**
 * Why a session ended before it expired: by a logout, by a refresh or sliding token that was used twice, by the 101st
 * open session of its user, by a new password, by the deactivation or deletion of its user, or by the `gatehouse`
 * command.
 */
export type EndReason =
  | "logout"
  | "reused"
  | "limit"
  | "password_changed"
  | "user_deactivated"
  | "user_deleted"
  | "revoked";

/** The client that sent a request. An unknown value is null. */
export interface Client {
  readonly ipAddress: string | null;
  readonly userAgent: string | null;
  /** The id of the request in the log. */
  readonly requestId?: string | null;
}

/**
 * The client of operations that no request caused: operations of a script, a command or a periodic job. Rate limits by
 * address do not apply to it. They apply to every other client, even to one without an address.
 */
export const NO_CLIENT: Client = { ipAddress: null, userAgent: null };

/**
 * An event for the audit trail. No event contains a password, a token or a hash. But `login` is what the user typed as
 * the user name or e-mail address, and people sometimes type a password there.
 */
export type AuthEvent =
  | { type: "token_issued"; userId: string; sessionId: string; scheme: AuthScheme }
  | { type: "token_refreshed"; userId: string; sessionId: string }
  | { type: "token_reused"; userId: string; sessionId: string }
  | {
      type: "session_ended";
      userId: string;
      sessionId: string;
      reason: Exclude<EndReason, "reused">;
    }
  | { type: "token_expired"; userId: string; sessionId: string; scheme: AuthScheme }
  | { type: "login_failed"; login: string; reason: string }
  | { type: "account_locked"; userId: string }
  | { type: "account_unlocked"; userId: string }
  | { type: "user_created"; userId: string }
  | { type: "username_changed"; userId: string }
  | { type: "email_changed"; userId: string }
  | { type: "password_changed"; userId: string }
  | { type: "role_changed"; userId: string; role: Role }
  | { type: "user_activated"; userId: string }
  | { type: "user_deactivated"; userId: string }
  | { type: "user_deleted"; userId: string }
  | { type: "role_denied"; userId: string; required: Role }
  | { type: "key_rotated"; kid: string }
  | FeatureEvent;

/** An event of a feature. */
export interface FeatureEvent {
  /** The feature's name, a colon, and a name for the event, such as `suspensions:suspended`. */
  readonly type: `${string}:${string}`;
  readonly userId?: string;
  readonly details?: Readonly<Record<string, string | number | boolean | null>>;
}

/** Receives each event after it happened, with the client that caused it. */
export type EventListener = (event: AuthEvent, client: Client) => unknown;

/**
 * Returns a listener that calls the given listeners in turn. If one of them fails, the process prints a warning. The
 * operation that caused the event does not fail.
 * @param listeners read again for each event, so the list may grow later
 */
export function publishTo(
  listeners: readonly EventListener[],
): (event: AuthEvent, client: Client) => void {
  return (event, client) => {
    for (const listener of listeners) {
      try {
        const done = listener(event, client);
        if (done instanceof Promise) done.catch(warn);
      } catch (error) {
        warn(error);
      }
    }
  };
}

/** Prints a warning for an error that did not make a request fail. */
export function warn(error: unknown): void {
  if (!(error instanceof Error))
    process.emitWarning("An unknown error occurred. It did not make a request fail.");
  else process.emitWarning(error.message, { type: error.name, detail: stacksOf(error) });
}

/** Returns the stack of an error, and the stack of its cause, if it has one. */
export function stacksOf({ stack = "", cause }: Error): string {
  return cause instanceof Error ? `${stack}\nCaused by: ${cause.stack ?? cause.message}` : stack;
}
