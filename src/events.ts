import { createHmac, type KeyObject } from "node:crypto";
import type { Role } from "./accounts/role.js";

/**
 * The tokens of a session: `TOKEN` is a static token, `JWT` an access and a refresh token, and `SLIDING` a sliding
 * token.
 */
export type AuthScheme = "TOKEN" | "JWT" | "SLIDING";

/**
 * Why a session ended before it expired:
 * - `reused`: a refresh or sliding token was used again after a newer token had replaced it.
 * - `limit`: the user had 100 newer open sessions of the same kind, such as sign-ins.
 * - `revoked`: the `gatehouse` command ended the session.
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
  /** The trace that the request belongs to: 32 hexadecimal digits. Missing if the request names none. */
  readonly traceId?: string;
  /** The signed-in user that sent the request. Missing if no user is signed in. */
  readonly actor?: Actor;
}

export interface Actor {
  readonly userId: string;
  readonly sessionId: string;
  /** The id of the administrator who acts as the user in this session. Missing for the user's own session. */
  readonly impersonatorId?: string;
}

/**
 * Returns the client of a request that was sent with a token. If an administrator acts as the token's user, the result
 * has an `actor` that says so. An existing `actor` is kept.
 */
export function holderOf(
  { id: sessionId, userId, impersonatorId }: TokenHolder,
  client: Client,
): Client {
  if (impersonatorId === null || client.actor !== undefined) return client;
  return { ...client, actor: { userId, sessionId, impersonatorId } };
}

interface TokenHolder {
  readonly id: string;
  readonly userId: string;
  readonly impersonatorId: string | null;
}

/**
 * The client of work that no request caused, such as a script or a periodic job. Rate limits by address do not apply.
 */
export const NO_CLIENT: Client = { ipAddress: null, userAgent: null };

/**
 * An event for the audit trail. No event contains a token or a hash. In `login_failed`, `login` is the text that was
 * entered as the user name or e-mail address. It may be a password by mistake. `userId` is the id of the user with that
 * name or address, if there is one.
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
  | { type: "login_failed"; login: string; userId?: string; reason: string }
  | { type: "password_refused"; userId: string; reason: string }
  | { type: "account_locked"; userId: string }
  | { type: "account_unlocked"; userId: string }
  | { type: "user_created"; userId: string }
  | { type: "username_changed"; userId: string }
  | { type: "email_changed"; userId: string }
  | { type: "password_changed"; userId: string }
  | { type: "password_removed"; userId: string }
  | { type: "role_changed"; userId: string; role: Role }
  | { type: "user_activated"; userId: string }
  | { type: "user_deactivated"; userId: string }
  | { type: "user_deleted"; userId: string }
  | { type: "role_denied"; userId: string; required: Role }
  | { type: "freshness_denied"; userId: string; freshWithin: string }
  | { type: "second_factor_denied"; userId: string }
  | { type: "key_rotated"; kid: string }
  | FeatureEvent;

/** An event of a feature. */
export interface FeatureEvent {
  /**
   * The feature's name, a colon and the event's name, such as `suspensions:suspended`. Use the event name `refused` for
   * a refused request. If there are many such events, the audit trail stores only some of them.
   */
  readonly type: `${string}:${string}`;
  readonly userId?: string;
  readonly details?: Readonly<Record<string, string | number | boolean | null>>;
}

/** Receives each event, and the client that caused it. */
export type EventListener = (event: AuthEvent, client: Client) => unknown;

/**
 * Returns a listener that calls all listeners, one after another. A listener that fails causes a warning.
 * @param listeners the list. Listeners may be added to it later
 */
export function publishTo<Parameters extends unknown[]>(
  listeners: readonly ((...parameters: Parameters) => unknown)[],
): (...parameters: Parameters) => void {
  return (...parameters) => {
    for (const listener of listeners) {
      try {
        const done = listener(...parameters);
        if (done instanceof Promise) done.catch(warn);
      } catch (error) {
        warn(error);
      }
    }
  };
}

/** Returns a keyed hash of a text. Without the key, a reader of the hash cannot find the text by trying values. */
export function fingerprint(text: string, key: KeyObject): string {
  return createHmac("sha256", key).update(text).digest("hex").slice(0, 16);
}

/** Prints a warning for an error that did not make a request fail. */
export function warn(error: unknown): void {
  if (!(error instanceof Error))
    process.emitWarning("An unknown error occurred. It did not make a request fail.");
  else process.emitWarning(error.message, { type: error.name, detail: stacksOf(error) });
}

/** Returns the stacks of an error and of its cause. */
export function stacksOf({ stack = "", cause }: Error): string {
  return cause instanceof Error ? `${stack}\nCaused by: ${cause.stack ?? cause.message}` : stack;
}
