/** The page of the application to which a provider has sent the browser. */
export interface Page {
  readonly code: string;
  readonly state: string;
  readonly iss: string | null;
  /** The whole URL. */
  readonly url: URL;
}

/**
 * Follows redirects with cookies, as a browser does, until a page of the application is reached.
 * @param headers sent with each request
 */
export async function browse(
  url: string,
  page: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Page> {
  const cookies = new Map<string, string>();
  let next = new URL(url);
  for (let hops = 0; hops < 10; hops += 1) {
    if (next.href.startsWith(page)) {
      const { searchParams: found } = next;
      const [code, state] = [found.get("code") ?? "", found.get("state") ?? ""];
      return { code, state, iss: found.get("iss"), url: next };
    }
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const response = await fetch(next, { redirect: "manual", headers: { ...headers, cookie } });
    for (const line of response.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      cookies.set(name, value);
    }
    const location = response.headers.get("location");
    if (location === null) {
      throw new Error(`${next.pathname} answered ${response.status}: ${await response.text()}`);
    }
    next = new URL(location, next);
  }
  throw new Error("The provider redirects for ever.");
}
