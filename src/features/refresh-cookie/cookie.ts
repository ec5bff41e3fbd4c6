import { parseCookie, stringifySetCookie } from "cookie";
import type { AuthContext } from "../../authentication/context.js";
import { readHeader, readOwnOrigin, type RequestLike } from "../../authentication/request.js";

const ATTRIBUTES = { httpOnly: true, sameSite: "strict", path: "/" } as const;

/**
 * The cookie outside development. Because of the prefix `__Host-`, browsers accept it only over TLS, and no other host,
 * such as a subdomain, can set it for the server.
 * @see RFC 6265bis 4.1.3.2
 */
const SECURE = { ...ATTRIBUTES, name: "__Host-gatehouse-refresh", secure: true };

/**
 * The cookie of a server in development. The server uses plain HTTP, and WebKit stores no secure cookie over plain
 * HTTP. No TLS is needed, because the requests with this cookie do not leave the machine. Servers on other loopback
 * ports can overwrite this cookie, but they could also overwrite a secure cookie.
 */
const PLAIN = { ...ATTRIBUTES, name: "gatehouse-refresh", secure: false };

/** A header that HTML forms cannot send. Pages of other origins can send it only if a preflight allows it. */
export const CSRF_HEADER = "x-gatehouse-csrf";

/** A browser's refresh token, in a cookie that no script can read. */
export interface Cookie {
  /** The token that the browser sent. Null if the cookie or {@link CSRF_HEADER} is missing, or the page is foreign. */
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
  /** Whether only developers use the server. Null when an application serves the schema. */
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
  // `SameSite=Strict` is not enough: browsers send the cookie with requests from other origins of the same site.
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

/** Returns whether the `Origin` header names an origin that is neither the server's own nor one of `corsOrigins`. */
function isForeignPage(request: RequestLike, corsOrigins: readonly string[]): boolean {
  const origin = readHeader(request, "origin");
  if (origin === null || corsOrigins.includes(origin)) return false;
  return origin !== readOwnOrigin(request);
}
