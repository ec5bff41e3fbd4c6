import type { AuthConfig } from "../config/auth-config.js";
import type { AuthScheme } from "../events.js";

/** The times of a new session, in epoch milliseconds. */
interface Times {
  /** When the session is opened. */
  readonly at: number;
  readonly expiresAt: number | null;
  readonly refreshExpiresAt: number | null;
}

/** @param opening `expiresAt` is the latest time at which the session may expire */
export function timesOf(
  { scheme, expiresAt: latest = Infinity }: { scheme: AuthScheme; expiresAt?: number },
  {
    refreshTokenLifetime,
    sessionLifetime,
    staticTokenLifetime,
    now,
  }: Pick<AuthConfig, "refreshTokenLifetime" | "sessionLifetime" | "staticTokenLifetime" | "now">,
): Times {
  const at = now();
  const isStatic = scheme === "TOKEN";
  const lifetime = isStatic ? staticTokenLifetime : sessionLifetime;
  const end = Math.min(lifetime === null ? Infinity : at + lifetime * 1000, latest);
  const refreshExpiresAt = Math.min(at + refreshTokenLifetime * 1000, end);
  return {
    at,
    expiresAt: end === Infinity ? null : end,
    refreshExpiresAt: isStatic ? null : refreshExpiresAt,
  };
}
