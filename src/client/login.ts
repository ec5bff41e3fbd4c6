import type { GrantFragment } from "./operations.generated.js";

/** Who is signed in, as the login or the last refresh said. */
export type User = GrantFragment["user"];

/** A login of this client: what it sends, and when it has to be renewed. Instants are of this machine's clock. */
export interface Login {
  readonly authorization: string;
  /** The access token, or the static or sliding one. */
  readonly token: string;
  /** What the next refresh and the logout send; null where there is nothing to refresh with. */
  readonly refresh: string | null;
  readonly session: string;
  readonly user: User;
  readonly receivedAt: number;
  /** Null where the token is not renewed ahead of time. */
  readonly renewAt: number | null;
}

/** In seconds: how long before its end an access token is renewed, at most. */
const RENEWAL_WINDOW = 60;

/** The login that an answer gives, or null where it is not all there. A cookie's refresh token is not told. */
export function toLogin(
  grant: Partial<GrantFragment> | null | undefined,
  isCookie: boolean,
): Login | null {
  const { tokenType, token: whole, access, refresh, session, user } = grant ?? {};
  const token = access ?? whole;
  if (!tokenType || !token || !session || !user) return null;
  const { iat, exp } = readClaims(token);
  const lifetime = exp - iat;
  // A sliding token is renewed halfway: it is its use that keeps it alive. NaN, for a static one, becomes null.
  const window = access ? Math.min(RENEWAL_WINDOW, lifetime / 5) : lifetime / 2;
  const receivedAt = Date.now();
  return {
    authorization: `${tokenType} ${token}`,
    token,
    // A server that keeps refresh tokens in cookies gives none to a client that does not.
    refresh: isCookie ? "" : tokenType === "Token" ? null : access ? (refresh ?? null) : token,
    session: session.id,
    user,
    receivedAt,
    renewAt: lifetime > 0 ? receivedAt + (lifetime - window) * 1000 : null,
  };
}

/**
 * Whether the login is to be renewed before it is used. The server's clock and ours are never compared: a lifetime
 * is counted from when the token came, and a clock that was set back since then says nothing, so it counts as due.
 */
export function isRenewalDue({ receivedAt, renewAt }: Login): boolean {
  const now = Date.now();
  return renewAt !== null && (now >= renewAt || now < receivedAt);
}

/** Whether the credential of a request is of this login, which may have other tokens since. */
export function isOfLogin(authorization: string, { session }: Login): boolean {
  return readClaims(authorization).sid === session;
}

interface TokenClaims {
  iat: number;
  exp: number;
  sid?: string;
}

/** What a JWT says of itself. Nothing of it is verified; it is our own token. */
function readClaims(token: string): TokenClaims {
  try {
    const payload = token.split(".")[1] ?? "";
    return JSON.parse(atob(payload.replaceAll("-", "+").replaceAll("_", "/"))) as TokenClaims;
  } catch {
    return { iat: NaN, exp: NaN };
  }
}
