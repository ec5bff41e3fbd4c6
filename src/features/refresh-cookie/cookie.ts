import { parseCookie, stringifySetCookie } from "cookie";
import type { AuthContext } from "../../authentication/context.js";
import { readHeader, readOwnOrigin, type RequestLike } from "../../authentication/request.js";

const ATTRIBUTES = { httpOnly: true, sameSite: "strict", path: "/" } as const;

/**
 * The cookie in production. A `__Host-` cookie must be `Secure`, and browsers send it only to the host that set it.
 * @see RFC 6265bis 4.1.3.2
 */
const SECURE = { ...ATTRIBUTES, name: "__Host-gatehouse-refresh", secure: true };

/**
 * The cookie in development, where the server uses plain HTTP. It is not `Secure`, because WebKit stores no `Secure`
 * cookie over plain HTTP. Requests in development do not leave the machine, so plain HTTP is safe.
 */
const PLAIN = { ...ATTRIBUTES, name: "gatehouse-refresh", secure: false };

/** A header that HTML forms cannot send. Scripts of other origins can send it only if CORS allows it. */
export const CSRF_HEADER = "x-gatehouse-csrf";

/** The refresh token cookie of one request. */
export interface Cookie {
  /** Null if the cookie or {@link CSRF_HEADER} is missing, or if {@link Cookie.isForeign} is true. */
  readonly token: string | null;
  /** Whether another origin's page sent the request, and `corsOrigins` does not list that origin. */
  readonly isForeign: boolean;
  /** @param expiresAt epoch milliseconds */
  set(token: string, expiresAt: number): void;
  clear(): void;
}

interface CookieConfig {
  /** Other origins whose pages may use the cookie. */
  readonly corsOrigins: readonly string[];
  /** True for a server in development. Null if the application itself serves the schema. */
  readonly isDevelopment: boolean | null;
  /** Returns the current time in epoch milliseconds. */
  readonly now: () => number;
}

export function createCookie(
  { request, responseHeaders }: AuthContext,
  { corsOrigins, isDevelopment, now }: CookieConfig,
): Cookie {
  const kind = isDevelopment === true ? PLAIN : SECURE;
  const header = readHeader(request, "cookie") ?? "";
  const isForeign = isForeignPage(request, corsOrigins);
  // `SameSite=Strict` is not enough. A page of `blog.example.com` could still send the cookie of `auth.example.com`.
  const isOwn = !isForeign && readHeader(request, CSRF_HEADER) !== null;
  const token = isOwn ? parseCookie(header)[kind.name] : undefined;
  const write = (value: string, maxAge: number) =>
    responseHeaders.push(["set-cookie", stringifySetCookie({ ...kind, value, maxAge })]);
  return {
    token: token ?? null,
    isForeign,
    set: (value, expiresAt) => {
      // Use `Max-Age` instead of `Expires`, because the browser's clock may be wrong.
      write(value, Math.max(0, Math.floor((expiresAt - now()) / 1000)));
    },
    clear: () => {
      write("", 0);
    },
  };
}

function isForeignPage(request: RequestLike, corsOrigins: readonly string[]): boolean {
  const origin = readHeader(request, "origin");
  if (origin === null || corsOrigins.includes(origin)) return false;
  return origin !== readOwnOrigin(request);
}
