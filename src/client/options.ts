import type { CookieMode, Endpoint } from "./execute.js";
import { type AuthStorage, isHttp, isOfPage, originOf, platform, resolveUrl } from "./platform.js";
import type { StorageKind } from "./store.js";

export interface AuthClientOptions {
  /** The GraphQL endpoint. A relative URL is resolved against the page. */
  readonly url: string | URL;
  /** `"jwt"`: access and refresh token. `"token"`: one static token. `"sliding"`: one sliding token. @default "jwt" */
  readonly scheme?: Scheme;
  /**
   * Where the session is stored.
   * - `"memory"`: until the page is closed.
   * - `"sessionStorage"`, `"localStorage"`: every script of the origin can read the tokens.
   * - `"cookie"`: the server puts the refresh token in an HttpOnly cookie. Needs the scheme `"jwt"`.
   * - an object: your own storage, which may be asynchronous.
   * @default "memory"
   */
  readonly storage?: StorageKind | AuthStorage;
  /**
   * More origins that `authFetch` may send the token to. The origins of the endpoint and the page are always allowed.
   * @default none
   */
  readonly allowedOrigins?: readonly string[];
  /**
   * Whether requests to the endpoint carry cookies. Storage `"cookie"` needs `"include"` if the endpoint has another
   * origin than the page. @default "same-origin"
   */
  readonly credentials?: CookieMode;
  /**
   * How long to wait for a response, in seconds: at most 60. Must not exceed the server's setting `reuseWindow`. If no
   * response arrives, the client sends the same refresh token again. The server accepts a used token only during
   * `reuseWindow`.
   * @default 10
   */
  readonly timeout?: number;
  /** The function that sends requests. @default the platform's own `fetch` */
  readonly fetch?: typeof fetch;
}

/** The kind of token for new sessions. */
export type Scheme = "jwt" | "token" | "sliding";

export interface ResolvedOptions {
  readonly scheme: Scheme;
  readonly storage: StorageKind | AuthStorage;
  readonly isCookie: boolean;
  /** The name of the storage entry, the Web Lock and the `BroadcastChannel`. Each endpoint and scheme has its own. */
  readonly name: string;
  /** Returns whether the token may be sent to a URL. */
  readonly isAllowed: (url: string) => boolean;
  readonly endpoint: Endpoint;
}

const SCHEMES = ["jwt", "token", "sliding"];
const STORAGES = ["memory", "sessionStorage", "localStorage"];
const COOKIE_MODES = ["omit", "same-origin", "include"];

/** The maximum of `timeout`, in seconds. Equals the maximum of the server's `reuseWindow`. */
const MAX_TIMEOUT = 60;

/** The server accepts its cookie only in a request with this header. */
const CSRF_HEADER = { "x-gatehouse-csrf": "1" };

/**
 * Checks the options and fills in the defaults.
 * @throws TypeError that names the wrong option
 */
export function resolveOptions(options: AuthClientOptions): ResolvedOptions {
  const {
    url,
    scheme = "jwt",
    storage = "memory",
    allowedOrigins = [],
    credentials = "same-origin",
    timeout = 10,
    fetch = (...request) => globalThis.fetch(...request),
    ...unknown
    // A JavaScript program may pass any value. Without `Object()`, undefined would cause an unclear error.
  } = Object(options) as AuthClientOptions;
  for (const name of Object.keys(unknown))
    refuse(
      name,
      "is not an option; the options are url, scheme, storage, allowedOrigins, credentials, timeout and fetch",
    );
  const href = requireUrl(url);
  requireOneOf("scheme", SCHEMES, scheme);
  const isCookie = storage === "cookie";
  requireStorage(storage, scheme);
  if (!isListOfUrls(allowedOrigins))
    refuse("allowedOrigins", 'must be a list of origins such as "https://api.example.com"');
  requireOneOf("credentials", COOKIE_MODES, credentials);
  const page = platform.location?.href;
  if (isCookie && (credentials === "omit" || (credentials === "same-origin" && !isOfPage(href))))
    refuse("credentials", 'must be "include", or the browser sends no cookie to this url');
  if (!(typeof timeout === "number" && timeout > 0 && timeout <= MAX_TIMEOUT))
    refuse("timeout", `must be a number of seconds, more than 0 and at most ${MAX_TIMEOUT}`);
  if (typeof fetch !== "function") refuse("fetch", "must be a function");
  const origins = new Set([href, page ?? href, ...allowedOrigins].map(originOf));
  return {
    scheme,
    storage,
    isCookie,
    name: `gatehouse:${scheme}:${href}`,
    isAllowed: (url) => origins.has(originOf(url) ?? ""),
    endpoint: {
      url: href,
      fetch,
      timeout,
      headers: isCookie ? CSRF_HEADER : {},
      credentials,
    },
  };
}

/**
 * Returns the endpoint as an absolute URL. Outside a browser, a relative URL stays relative, because a server may
 * create the client only to render a page.
 */
function requireUrl(url: string | URL | undefined): string {
  const isUrl = typeof url === "string" ? url !== "" : typeof url?.href === "string";
  if (!isUrl) refuse("url", "must be the URL of the GraphQL endpoint");
  const href = resolveUrl(String(url));
  if (!isHttp(href) && (platform.location || SCHEME.test(href)))
    refuse("url", "must begin with http:// or https://, or be relative to a page that does");
  if (USER_INFO.test(href)) refuse("url", "must have no user name and no password");
  return href;
}

const SCHEME = /^[a-z][a-z\d+.-]*:/i;
const USER_INFO = /^[^/]+\/\/[^/?#]*@/;

function isListOfUrls(list: unknown): boolean {
  return Array.isArray(list) && list.every(isHttp);
}

function requireStorage(storage: unknown, scheme: Scheme): void {
  if (typeof storage === "object") {
    for (const method of ["getItem", "setItem", "removeItem"] as const)
      if (typeof (storage as Partial<AuthStorage> | null)?.[method] !== "function")
        refuse("storage", `must have the method ${method}`);
  } else if (storage === "cookie" && scheme !== "jwt") {
    refuse(
      "storage",
      '"cookie" needs the scheme "jwt", because only that scheme has a refresh token',
    );
  } else requireOneOf("storage", [...STORAGES, "cookie"], storage);
}

function requireOneOf(option: string, allowed: readonly string[], value: unknown): void {
  if (!allowed.includes(value as string)) refuse(option, `must be one of ${allowed.join(", ")}`);
}

function refuse(option: string, mistake: string): never {
  throw new TypeError(`${option}: ${mistake}`);
}
