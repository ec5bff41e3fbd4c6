import { parseCookie, stringifySetCookie } from "cookie";
import type { AuthContext } from "../../authentication/context.js";
import { readHeader, readOwnOrigin, type RequestLike } from "../../authentication/request.js";

const ATTRIBUTES = { httpOnly: true, sameSite: "strict", path: "/" } as const;

/**
 * The cookie outside development. Its prefix `__Host-` makes browsers refuse the cookie if a subdomain sets it, or if
 * there is no TLS.
 * @see RFC 6265bis 4.1.3.2
 */
const SECURE = { ...ATTRIBUTES, name: "__Host-gatehouse-refresh", secure: true };

/**
 * The cookie of a server in development. The server uses plain HTTP, and WebKit stores no secure cookie over plain
 * HTTP. The cookie needs no TLS, because its requests do not leave the machine. Pages on other loopback ports can
 * overwrite this cookie, but they could also overwrite a secure cookie.
 */
const PLAIN = { ...ATTRIBUTES, name: "gatehouse-refresh", secure: false };

/** A header that HTML forms cannot send. Pages of other origins can send it only after a preflight. */
export const CSRF_HEADER = "x-gatehouse-csrf";

/** A browser's refresh token, in a cookie that no script can read. */
export interface Cookie {
  /** The token that the browser sent. Null if it sent none, or if another site may have caused the request. */
  readonly token: string | null;
  /** Whether the request came from a page whose origin may not use the cookie. */
  readonly isForeign: boolean;
  /** @param expiresAt epoch milliseconds */
  set(token: string, expiresAt: number): void;
  clear(): void;
}

/** The settings of {@link createCookie}. */
interface CookieConfig {
  /** The other origins whose pages may send requests. */
  readonly corsOrigins: readonly string[];
  /** Whether only this machine can reach the server. Null when an application serves the schema. */
  readonly isDevelopment: boolean | null;
  /** The clock, in epoch milliseconds. */
  readonly now: () => number;
}

/** Returns the refresh cookie of one request. */
export function createCookie(
  { request, responseHeaders }: AuthContext,
  { corsOrigins, isDevelopment, now }: CookieConfig,
): Cookie {
  const kind = isDevelopment === true ? PLAIN : SECURE;
  const header = readHeader(request, "cookie") ?? "";
  const isForeign = isForeignPage(request, corsOrigins);
  // Browsers send even a `SameSite=Strict` cookie with requests from other origins of the same site.
  const isOwn = !isForeign && readHeader(request, CSRF_HEADER) !== null;
  const token = isOwn ? parseCookie(header)[kind.name] : undefined;
  const write = (value: string, maxAge: number) =>
    responseHeaders.push(["set-cookie", stringifySetCookie({ ...kind, value, maxAge })]);
  return {
    token: token ?? null,
    isForeign,
    set: (value, expiresAt) => {
      // Written as a lifetime from now, because the browser's clock may be wrong.
      write(value, Math.max(0, Math.floor((expiresAt - now()) / 1000)));
    },
    clear: () => {
      write("", 0);
    },
  };
}

/**
 * Returns whether the request has an `Origin` header that names neither the server nor one of `corsOrigins`. Compares
 * the scheme, host and port of the URLs.
 */
function isForeignPage(request: RequestLike, corsOrigins: readonly string[]): boolean {
  const origin = readHeader(request, "origin");
  if (origin === null || corsOrigins.includes(origin)) return false;
  return origin !== readOwnOrigin(request);
}
