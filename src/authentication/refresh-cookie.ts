import type { AuthPayload } from "../graphql/auth-payload.type.js";

/** The refresh token of a browser that keeps it in a cookie, where no script can read it. */
export interface RefreshCookie {
  /** What the browser sent; null where it sent none, or another site may have made it send one. */
  readonly token: string | null;
  /** @param expiresAt epoch milliseconds */
  set(token: string, expiresAt: number): void;
  clear(): void;
}

/** Moves the refresh token of an answer into the cookie, where there is a cookie to keep it in. */
export function keepInCookie(payload: AuthPayload, cookie: RefreshCookie | undefined): AuthPayload {
  const { refresh, refreshExpiresAt } = payload;
  if (cookie === undefined || refresh === null || refreshExpiresAt === null) return payload;
  cookie.set(refresh, refreshExpiresAt.getTime());
  payload.refresh = null;
  return payload;
}
