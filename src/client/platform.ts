/** The browser features that this client uses. Node, React Native and old browsers lack some of them. */
interface Platform {
  readonly location?: { readonly href: string; readonly assign?: (url: string) => void };
  readonly history?: {
    readonly state: unknown;
    readonly replaceState: (state: unknown, title: string, url: string) => void;
  };
  readonly localStorage?: AuthStorage;
  readonly sessionStorage?: AuthStorage;
  readonly navigator?: { readonly locks?: Locks; readonly cookieEnabled?: boolean };
  readonly self?: unknown;
  readonly top?: unknown;
  readonly BroadcastChannel?: new (name: string) => Channel;
  addEventListener?(type: "storage", listener: StorageListener): void;
  removeEventListener?(type: "storage", listener: StorageListener): void;
}

/** A key-value storage, such as `localStorage` or React Native's `AsyncStorage`. */
export interface AuthStorage {
  /** Returns a promise if the storage is asynchronous. */
  getItem(key: string): string | null | Promise<string | null>;
  setItem(key: string, value: string): unknown;
  removeItem(key: string): unknown;
}

/** @see https://www.w3.org/TR/web-locks/ */
interface Locks {
  request<Result>(
    name: string,
    options: { signal?: AbortSignal; ifAvailable?: boolean },
    run: (lock: object | null) => Promise<Result>,
  ): Promise<Result>;
}

/** Called when another tab changes the storage. `key` is null after `localStorage.clear()`. */
export type StorageListener = (event: { readonly key: string | null }) => void;

/** @see https://html.spec.whatwg.org/multipage/web-messaging.html#broadcasting-to-other-browsing-contexts */
export interface Channel {
  onmessage: ((event: { data: unknown }) => void) | null;
  postMessage(message: unknown): void;
  close(): void;
  /** Only in Node: lets the process exit while the channel is open. */
  unref?(): void;
}

/** The global object, in which browser features may be missing. */
export const platform = globalThis as unknown as Platform;

/** Matches the origin of an absolute HTTP URL. Needed because React Native's `URL` has no `origin`. */
const ORIGIN = /^https?:\/\/[^/?#]+/i;

export function isHttp(url: unknown): boolean {
  try {
    return ORIGIN.test(String(url)) && Boolean(new URL(String(url)));
  } catch {
    return false;
  }
}

/** Resolves a relative URL against the page. Outside a browser, returns the URL unchanged. */
export function resolveUrl(url: string): string {
  const page = platform.location?.href;
  if (ORIGIN.test(url) || !page) return url;
  try {
    return new URL(url, page).href;
  } catch {
    return url;
  }
}

/** Returns the origin of a URL in lower case, without a default port, or undefined if the URL is not HTTP. */
export function originOf(url: string): string | undefined {
  const origin = ORIGIN.exec(resolveUrl(url))?.[0].toLowerCase();
  return origin?.replace(/^(http:.+):80$|^(https:.+):443$/, "$1$2");
}

/** Returns whether a URL has the origin of the page. Outside a browser, returns true. */
export function isOfPage(url: string): boolean {
  const page = platform.location?.href;
  return !page || new URL(url).origin === new URL(page).origin;
}

/**
 * Returns whether the browser is certain to keep a `Secure` cookie from this URL. Returns false in these cases:
 * - The URL is not HTTPS, because some browsers then drop the cookie.
 * - The page is in a frame, or the URL has another origin. The browser's settings then decide.
 * - Cookies are switched off.
 */
export function willKeepCookie(url: string): boolean {
  const { navigator, self, top } = platform;
  return (
    /^https:/i.test(url) && isOfPage(url) && self === top && navigator?.cookieEnabled !== false
  );
}

export function sleep(delay: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, delay);
  });
}
