import type { CookieMode, Endpoint } from "./execute.js";
import { type AuthStorage, originOf, platform, resolveUrl } from "./platform.js";
import type { StorageKind } from "./store.js";

/** The options of `createAuthClient`. */
export interface AuthClientOptions {
  /** The GraphQL endpoint. A relative URL is resolved against the page. */
  readonly url: string | URL;
  /** `"jwt"`: access and refresh token. `"token"`: one static token. `"sliding"`: one sliding token. @default "jwt" */
  readonly scheme?: Scheme;
  /**
   * Where the session is stored. With `"memory"` it ends with the page. `"sessionStorage"` and `"localStorage"` keep it,
   * readable by every script of the origin. `"cookie"`, for scheme `"jwt"` only, leaves the refresh token to the
   * server's HttpOnly cookie. A storage of your own must be synchronous. @default "memory"
   */
  readonly storage?: StorageKind | AuthStorage;
  /** Origins that `authFetch` sends the token to, besides those of the endpoint and the page. @default none */
  readonly allowedOrigins?: readonly string[];
  /**
   * Whether requests to the endpoint carry cookies. With storage `"cookie"` and an endpoint of another origin, set
   * `"include"`. @default "same-origin"
   */
  readonly credentials?: CookieMode;
  /**
   * Seconds to wait for a response. At most the server's reuse window, within which it repeats a lost response.
   * @default 10
   */
  readonly timeout?: number;
  /** @default the platform's */
  readonly fetch?: typeof fetch;
}

/** The scheme of new sessions. */
export type Scheme = "jwt" | "token" | "sliding";

/** The checked options. */
export interface ResolvedOptions {
  readonly scheme: Scheme;
  readonly storage: StorageKind | AuthStorage;
  readonly isCookie: boolean;
  /** Names the storage entry, the lock and the channel. Unique for a server and scheme. */
  readonly name: string;
  readonly origins: ReadonlySet<string | undefined>;
  readonly endpoint: Endpoint;
}

const SCHEMES: readonly Scheme[] = ["jwt", "token", "sliding"];
const STORAGES: readonly StorageKind[] = ["memory", "sessionStorage", "localStorage"];

/** The server accepts its cookie only with this header, because no other site can make a browser send it. */
const CSRF_HEADER = { "x-gatehouse-csrf": "1" };

/**
 * Checks the options and fills in the defaults.
 * @throws TypeError naming the wrong option
 */
export function resolveOptions({
  url,
  scheme = "jwt",
  storage = "memory",
  allowedOrigins = [],
  credentials = "same-origin",
  timeout = 10,
  fetch = (...request) => globalThis.fetch(...request),
}: AuthClientOptions): ResolvedOptions {
  const isCookie = storage === "cookie";
  requireOneOf("scheme", SCHEMES, scheme);
  if (typeof storage === "string") {
    requireOneOf("storage", scheme === "jwt" ? [...STORAGES, "cookie"] : STORAGES, storage);
  }
  const href = resolveUrl(String(url));
  return {
    scheme,
    storage,
    isCookie,
    name: `gatehouse:${scheme}:${href}`,
    origins: new Set([href, platform.location?.href ?? href, ...allowedOrigins].map(originOf)),
    endpoint: {
      url: href,
      fetch,
      timeout,
      headers: isCookie ? CSRF_HEADER : {},
      credentials,
    },
  };
}

function requireOneOf<Value extends string>(
  option: string,
  allowed: readonly Value[],
  value: Value,
): void {
  if (!allowed.includes(value))
    throw new TypeError(`${option}: must be one of ${allowed.join(", ")}`);
}
