/** What this client uses of a browser where there is one. Node, React Native and old browsers lack some or all of it. */
interface Platform {
  readonly location?: { readonly href: string };
  readonly localStorage?: AuthStorage;
  readonly sessionStorage?: AuthStorage;
  readonly navigator?: { readonly locks?: Locks };
  readonly BroadcastChannel?: new (name: string) => Channel;
  addEventListener?(type: "storage", listener: StorageListener): void;
  removeEventListener?(type: "storage", listener: StorageListener): void;
}

/** Where a login is kept: `localStorage`, or anything that answers like it, at once. */
export interface AuthStorage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

/** @see https://www.w3.org/TR/web-locks/ */
interface Locks {
  request(
    name: string,
    options: { signal: AbortSignal },
    run: () => Promise<void>,
  ): Promise<unknown>;
}

export type StorageListener = (event: { readonly key: string | null }) => void;

/** @see https://html.spec.whatwg.org/multipage/web-messaging.html#broadcasting-to-other-browsing-contexts */
export interface Channel {
  onmessage: ((event: { data: unknown }) => void) | null;
  postMessage(message: unknown): void;
  close(): void;
  /** Node's, so that a channel keeps no process alive. */
  unref?(): void;
}

/** The global object. Asked at each use: nothing is assumed when this module is loaded. */
export const platform = globalThis as unknown as Platform;

/** Of an address that is whole: its origin. React Native's URL has none, and adds a slash to the address. */
const ORIGIN = /^https?:\/\/[^/?#]+/i;

/** The whole address, in its own spelling; a relative one is the page's. */
export function resolveUrl(url: string): string {
  const page = platform.location?.href;
  return ORIGIN.test(url) || !page ? url : new URL(url, page).href;
}

/** The origin of an address, in its own spelling, or undefined where it has none. */
export function originOf(url: string): string | undefined {
  return ORIGIN.exec(resolveUrl(url))?.[0];
}
