import type {
  EmailLoginMutation,
  GrantFragment,
  LoginMutation,
  RefreshMutation,
} from "./operations.generated.js";

/** The data of a login or a refresh. Its only field has the credentials. */
export type GrantData = LoginMutation | EmailLoginMutation | RefreshMutation;

/** The signed-in user, as the login or the last refresh returned it. */
export type User = GrantFragment["user"];

/** The credentials of a session, as they are stored. Instants are epoch milliseconds of this machine's clock. */
export interface Credentials {
  /** The `Authorization` header. */
  readonly authorization: string;
  /** The access token, static token or sliding token. */
  readonly token: string;
  /**
   * The token that a refresh and a logout send. {@link IN_COOKIE} if only the cookie has the token. Null if the client
   * has no such token.
   */
  readonly refresh: string | null;
  /** The id of the session. */
  readonly session: string;
  readonly user: User;
  readonly receivedAt: number;
  /** From this instant on, the token is renewed before it is used. Null if the token is never renewed. */
  readonly renewAt: number | null;
}

/** Stands for a refresh token that only the server's cookie holds. */
export const IN_COOKIE = "";

/**
 * An access token is due for renewal this many seconds before it expires. If the token's lifetime is shorter than five
 * minutes, the token is due when a fifth of its lifetime is left.
 */
const RENEWAL_WINDOW = 60;

/** Returns the credentials in the data of a response, or null if they are incomplete. */
export function toCredentials(data: GrantData | undefined, isCookie: boolean): Credentials | null {
  const [grant]: (Partial<GrantFragment> | null)[] = Object.values(data ?? {});
  const { tokenType, token: only, access, refresh, session, user } = grant ?? {};
  const token = access ?? only;
  if (!tokenType || !token || !session || !user) return null;
  const { iat = NaN, exp = NaN } = readClaims(token);
  const lifetime = exp - iat;
  // A sliding token is renewed halfway through its lifetime, because only a renewal keeps its session alive. A static
  // token has no claims. Therefore its lifetime is NaN, and it is never renewed.
  const window = access ? Math.min(RENEWAL_WINDOW, lifetime / 5) : lifetime / 2;
  const receivedAt = Date.now();
  const isSliding = !access && tokenType !== "Token";
  return {
    authorization: `${tokenType} ${token}`,
    token,
    // A sliding token is its own refresh token. An access token comes without a refresh token if the server's setting
    // `refreshCookie` is on but this client does not use the cookie. A static token never has a refresh token.
    refresh: isCookie ? IN_COOKIE : isSliding ? token : (refresh ?? null),
    session: session.id,
    user,
    receivedAt,
    renewAt: lifetime > 0 ? receivedAt + (lifetime - window) * 1000 : null,
  };
}

/**
 * Returns whether to renew the credentials before they are used. The lifetime counts from the arrival of the token,
 * because the server's clock may differ from this machine's. If this machine's clock has been set back to before the
 * arrival, the age of the token is unknown, and renewal is due.
 */
export function isRenewalDue({ receivedAt, renewAt }: Credentials): boolean {
  const now = Date.now();
  return renewAt !== null && (now >= renewAt || now < receivedAt);
}

/**
 * Returns whether an `Authorization` header belongs to the session of the credentials. The header may hold an older
 * token of that session. Returns false for a static token, because it has no claims.
 */
export function isOfSession(authorization: string, { session }: Credentials): boolean {
  return readClaims(authorization).sid === session;
}

interface TokenClaims {
  iat?: number;
  exp?: number;
  sid?: string;
}

/**
 * Reads the claims of one of our JWTs, without verifying it. The text may be a whole `Authorization` header. Returns an
 * empty object for any other text.
 */
function readClaims(token: string): TokenClaims {
  try {
    const payload = token.split(".")[1] ?? "";
    const json = atob(payload.replaceAll("-", "+").replaceAll("_", "/"));
    return (JSON.parse(json) as TokenClaims | null) ?? {};
  } catch {
    return {};
  }
}
