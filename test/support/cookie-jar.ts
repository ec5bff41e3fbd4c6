/** Imitates a browser's `fetch` with one HttpOnly cookie. */
export class CookieJar {
  cookie = "";
  /** The headers of each request so far. */
  readonly seen: Record<string, string>[] = [];
  readonly credentials: (string | undefined)[] = [];
  /** Whether requests fail, as when the network is down. */
  isAway = false;
  /** Whether the browser refuses cookies. */
  isClosed = false;

  readonly fetch: typeof fetch = async (input, init) => {
    const headers = new Headers(init?.headers);
    if (this.cookie !== "") headers.set("cookie", this.cookie);
    this.credentials.push(init?.credentials);
    this.seen.push(Object.fromEntries(headers));
    if (this.isAway) throw new TypeError("Failed to fetch");
    const response = await fetch(input, { ...init, headers });
    for (const line of this.isClosed ? [] : response.headers.getSetCookie()) {
      this.cookie = line.includes("Max-Age=0;") ? "" : (line.split(";")[0] ?? "");
    }
    return response;
  };
}
