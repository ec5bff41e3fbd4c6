import { type AnchorHTMLAttributes, useSyncExternalStore } from "react";

/**
 * The token of the mail that opened this page. The token is removed from the address bar at once, so that no history,
 * screenshot or `Referer` contains it.
 */
export const mailToken = takeToken();

function takeToken(): string | null {
  const token = new URLSearchParams(location.search).get("token");
  if (token !== null) history.replaceState(null, "", location.pathname);
  return token;
}

const CHANGE = "popstate";

/** Shows the page at a path. */
export function navigate(path: string): void {
  history.pushState(null, "", path);
  dispatchEvent(new PopStateEvent(CHANGE));
}

/** Shows the page at a path. The back button does not lead back to the page before. */
export function redirect(path: string): void {
  history.replaceState(null, "", path);
  dispatchEvent(new PopStateEvent(CHANGE));
}

/** Returns the path of the address bar. */
export function usePath(): string {
  return useSyncExternalStore(subscribe, () => location.pathname);
}

function subscribe(listener: () => void): () => void {
  addEventListener(CHANGE, listener);
  return () => {
    removeEventListener(CHANGE, listener);
  };
}

/** A link to a page of this app. */
export function Link({
  href,
  ...rest
}: AnchorHTMLAttributes<HTMLAnchorElement> & { href: string }) {
  return (
    <a
      {...rest}
      href={href}
      onClick={(event) => {
        if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
        event.preventDefault();
        navigate(href);
      }}
    />
  );
}
