import type {
  EmailLoginMutation,
  GrantFragment,
  ImpersonateMutation,
  LoginMutation,
  RefreshMutation,
  RegisterMutation,
} from "./operations.generated.js";

/** The data of an operation that returns tokens, such as `{ login: { access, … } }`. */
export type GrantData =
  LoginMutation | EmailLoginMutation | RefreshMutation | RegisterMutation | ImpersonateMutation;

/** The signed-in user, as of the login or the last refresh. */
export type User = GrantFragment["user"];

/** The tokens of a session, as stored. Instants are epoch milliseconds of this machine's clock. */
export interface Credentials {
  readonly authorization: string;
  /** The access token, static token or sliding token. */
  readonly token: string;
  /**
   * The refresh token or the sliding token. {@link IN_COOKIE} if only the cookie has the token. Null if there is none.
   */
  readonly refresh: string | null;
  readonly session: string;
  readonly user: User;
  readonly receivedAt: number;
  /** When to renew the token. Null if the token is never renewed. */
  readonly renewAt: number | null;
}

/** Stands for a refresh token in the cookie, which scripts cannot read. */
export const IN_COOKIE = "";

/**
 * An access token is renewed this many seconds before it expires. A short-lived token is renewed when a fifth of its
 * lifetime is left: after 80 of 100 seconds.
 */
const RENEWAL_WINDOW = 60;

/** A registration has the grant in `auth`. */
type Payload = Partial<GrantFragment> & { readonly auth?: GrantFragment | null };

/** Returns null if the data has no complete credentials. */
export function toCredentials(data: GrantData | undefined, isCookie: boolean): Credentials | null {
  const [payload] = Object.values<Payload | null>(data ?? {});
  const { tokenType, token: only, access, refresh, session, user } = payload?.auth ?? payload ?? {};
  const token = access ?? only;
  if (!tokenType || !token || !session || !user) return null;
  const { iat = NaN, exp = NaN } = readClaims(token);
  const lifetime = exp - iat;
  // An expired sliding token cannot be renewed. So it is renewed early, after half its lifetime: after 3.5 of 7 days. A
  // static token has no claims, so its lifetime is NaN.
  const window = access ? Math.min(RENEWAL_WINDOW, lifetime / 5) : lifetime / 2;
  const receivedAt = Date.now();
  const isSliding = !access && tokenType !== "Token";
  return {
    authorization: `${tokenType} ${token}`,
    token,
    // A sliding token is its own refresh token. A static token has no refresh token.
    refresh: isCookie ? IN_COOKIE : isSliding ? token : (refresh ?? null),
    session: session.id,
    user,
    receivedAt,
    renewAt: lifetime > 0 ? receivedAt + (lifetime - window) * 1000 : null,
  };
}

/** Returns whether to renew the token now. Also returns true if the clock has been set back to before `receivedAt`. */
export function isRenewalDue({ receivedAt, renewAt }: Credentials): boolean {
  const now = Date.now();
  return renewAt !== null && (now >= renewAt || now < receivedAt);
}

/**
 * Returns whether an `Authorization` header has a token of the same session, even an older token. Returns false for a
 * static token, because it has no claims.
 */
export function isOfSession(authorization: string, { session }: Credentials): boolean {
  return readClaims(authorization).sid === session;
}

/** Returns the id of the administrator who acts as a user with an access token, or undefined. */
export function impersonatorOf(token: string): string | undefined {
  return readClaims(token).act?.sub;
}

interface TokenClaims {
  iat?: number;
  exp?: number;
  sid?: string;
  act?: { sub?: string };
}

/**
 * Reads the claims of a JWT without verifying it. Also accepts a whole header, such as `Bearer <token>`. Returns `{}`
 * for any other text.
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
