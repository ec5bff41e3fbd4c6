import type { Credentials, Endpoint } from "./ask.js";
import { type AuthStorage, originOf, platform, resolveUrl } from "./platform.js";
import type { StorageKind } from "./store.js";

/** What a user of `createAuthClient` says. */
export interface AuthClientOptions {
  /** Of the GraphQL endpoint. A relative one is the page's. */
  readonly url: string | URL;
  /** How sessions prove themselves: access and refresh token, one static token, or one that slides. @default "jwt" */
  readonly scheme?: "jwt" | "token" | "sliding";
  /**
   * Where the login is kept. In `"memory"` it ends with the page; `"sessionStorage"` and `"localStorage"` keep it, open to
   * every script of the origin; `"cookie"`, with scheme `"jwt"`, leaves the refresh token to the server's HttpOnly cookie.
   * A storage of your own must answer at once. @default "memory"
   */
  readonly storage?: StorageKind | AuthStorage;
  /** Origins that `authFetch` sends the token to, besides the endpoint's and the page's. @default none */
  readonly allowedOrigins?: readonly string[];
  /**
   * Whether cookies go along. With storage `"cookie"` and an endpoint of another origin: `"include"`.
   * @default "same-origin"
   */
  readonly credentials?: Credentials;
  /**
   * In seconds: how long an answer is waited for. At most the server's reuse window, in which a lost answer can be had
   * again. @default 10
   */
  readonly timeout?: number;
  /** @default the platform's */
  readonly fetch?: typeof fetch;
}

/** The options, checked. */
export interface ResolvedOptions {
  readonly scheme: "jwt" | "token" | "sliding";
  readonly storage: StorageKind | AuthStorage;
  readonly isCookie: boolean;
  /** Of our entry in a storage, of the lock and of the channel: one for each server and scheme. */
  readonly name: string;
  readonly origins: ReadonlySet<string | undefined>;
  readonly endpoint: Endpoint;
}

const SCHEMES = ["jwt", "token", "sliding"];
const STORAGES = ["memory", "sessionStorage", "localStorage"];

/** What a cookie is only taken with, because no other site can make a browser send it unasked. */
const CSRF_HEADER = { "x-gatehouse-csrf": "1" };

/** @throws TypeError that names the option which is wrong */
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

function requireOneOf(option: string, allowed: readonly string[], value: string): void {
  if (!allowed.includes(value))
    throw new TypeError(`${option}: must be one of ${allowed.join(", ")}`);
}
