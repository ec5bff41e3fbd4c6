import { BadUserInput } from "../../errors.js";

const MAX_LENGTH = 2000;

/** The pages to which providers may send the browser. */
export class ReturnPages {
  readonly #origins: Set<string>;

  /** @param origins the origins of the pages, such as `https://app.example.com` */
  constructor(origins: readonly string[]) {
    this.#origins = new Set(origins);
  }

  /** Allows the pages of the server itself if the settings allow no pages. */
  useOwn(url: string): void {
    if (this.#origins.size === 0) this.#origins.add(new URL(url).origin);
  }

  /**
   * Returns the URL of a page in its canonical form.
   * @throws {@link BadUserInput} for example when the URL has a query or a fragment, or when its origin is not allowed
   */
  require(page: string): string {
    const url = page.length <= MAX_LENGTH && URL.canParse(page) ? new URL(page) : null;
    // A `blob:` URL also has the origin of its page, so check the protocol.
    const isAllowed =
      url !== null && /^https?:$/.test(url.protocol) && this.#origins.has(url.origin);
    if (!isAllowed || url.username !== "" || url.password !== "" || /[?#]/.test(page)) {
      throw new BadUserInput(
        "redirectTo must be the URL of a page of this application, without a query and a fragment.",
      );
    }
    return url.href;
  }
}
