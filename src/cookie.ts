import type { IncomingHttpHeaders } from "node:http";
import { parseCookie, stringifySetCookie } from "cookie";
import type { RefreshCookie } from "./authentication/refresh-cookie.js";

/** The prefix makes browsers refuse it from a subdomain, or without TLS; loopback counts as TLS. @see RFC 6265bis 4.1.3.2 */
const NAME = "__Host-gatehouse-refresh";
const ATTRIBUTES = { httpOnly: true, secure: true, sameSite: "strict", path: "/" } as const;

/** A header that no form and no other origin can send without asking first. */
export const CSRF_HEADER = "x-gatehouse-csrf";

/** Where a cookie comes from, and who may make a browser send it. */
interface CookieRequest {
  readonly headers: IncomingHttpHeaders;
  /** Ours, as the browser calls it. */
  readonly host: string;
  /** The other origins that may call. */
  readonly corsOrigins: readonly string[];
  /** The clock, in epoch milliseconds. */
  readonly now: () => number;
}

/**
 * The refresh cookie of one request.
 * @param setCookie adds a `Set-Cookie` line to the answer
 */
export function createRefreshCookie(
  request: CookieRequest,
  setCookie: (line: string) => void,
): RefreshCookie {
  const { headers } = request;
  const token = isOurPage(request) ? parseCookie(headers.cookie ?? "")[NAME] : undefined;
  return {
    token: token ?? null,
    set: (value, expiresAt) => {
      // Counted from now: the browser's clock may be wrong.
      const maxAge = Math.max(0, Math.floor((expiresAt - request.now()) / 1000));
      setCookie(stringifySetCookie({ ...ATTRIBUTES, name: NAME, value, maxAge }));
    },
    clear: () => {
      setCookie(stringifySetCookie({ ...ATTRIBUTES, name: NAME, value: "", maxAge: 0 }));
    },
  };
}

/** Whether a page of ours asks, by its own will. A browser also sends cookies for pages of others. */
function isOurPage({ headers, host, corsOrigins }: CookieRequest): boolean {
  const { origin } = headers;
  if (headers[CSRF_HEADER] === undefined) return false;
  if (origin === undefined || corsOrigins.includes(origin)) return true;
  return URL.canParse(origin) && new URL(origin).host === host;
}
