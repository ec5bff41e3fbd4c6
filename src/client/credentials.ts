import type {
  CompleteExternalLoginMutation,
  CompleteLoginMutation,
  EmailLoginMutation,
  GrantFragment,
  ImpersonateMutation,
  LoginMutation,
  LoginWithCodeMutation,
  PasskeyLoginMutation,
  RefreshMutation,
  RegisterMutation,
} from "./operations.generated.js";

/** The data of a GraphQL response with tokens, such as `{ login: { access, … } }`. */
export type GrantData =
  | LoginMutation
  | EmailLoginMutation
  | LoginWithCodeMutation
  | CompleteExternalLoginMutation
  | CompleteLoginMutation
  | PasskeyLoginMutation
  | RefreshMutation
  | RegisterMutation
  | ImpersonateMutation;

/** The signed-in user, as of the login or the last refresh. */
export type User = GrantFragment["user"];

/** The stored tokens of a session. Instants are epoch milliseconds of this machine's clock. */
export interface Credentials {
  readonly authorization: string;
  /** The access token, static token or sliding token. */
  readonly token: string;
  /**
   * The refresh or sliding token. {@link IN_COOKIE} if the server keeps the token in a cookie. Null for a static token,
   * or if the browser did not keep the cookie.
   */
  readonly refresh: string | null;
  readonly session: string;
  readonly user: User;
  readonly receivedAt: number;
  /** When to renew the token; null for never. */
  readonly renewAt: number | null;
}

/** Stands for a refresh token that is in a cookie, where scripts cannot read it. */
export const IN_COOKIE = "";

/** An access token is renewed this many seconds before it expires, but not before 80% of its lifetime has passed. */
const RENEWAL_WINDOW = 60;

/** A registration returns its tokens in `auth`, all other operations in the payload itself. */
type Payload = Partial<GrantFragment> & { readonly auth?: GrantFragment | null };

/** Returns null if the data lacks the token, its type, the session or the user. */
export function toCredentials(data: GrantData | undefined, isCookie: boolean): Credentials | null {
  const [payload] = Object.values<Payload | null>(data ?? {});
  const { tokenType, token: only, access, refresh, session, user } = payload?.auth ?? payload ?? {};
  const token = access ?? only;
  if (!tokenType || !token || !session || !user) return null;
  const { iat = NaN, exp = NaN } = readClaims(token);
  const lifetime = exp - iat;
  // A sliding token cannot be renewed after it has expired, so renew it after half its lifetime. A static token has no
  // claims, so `lifetime` is NaN.
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

/**
 * Returns whether to renew the token now. Also returns true if the clock is before `receivedAt`: the clock was then set
 * back, so `renewAt` may be too late.
 */
export function isRenewalDue({ receivedAt, renewAt }: Credentials): boolean {
  const now = Date.now();
  return renewAt !== null && (now >= renewAt || now < receivedAt);
}

/**
 * Returns whether an `Authorization` header has a token of the session, even an older one. Returns false for a static
 * token, because it has no claims.
 */
export function isOfSession(authorization: string, { session }: Credentials): boolean {
  return readClaims(authorization).sid === session;
}

/**
 * Returns the id of the administrator who uses this access token to act as a user. Returns undefined for a user's own
 * token.
 */
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
 * Reads the claims of a JWT without verifying it. Accepts a header such as `Bearer <token>` too. Returns `{}` for any
 * other text.
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
