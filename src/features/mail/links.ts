/** The purpose of a link: the name of the mutation that takes the link's token. */
export type MailPurpose = "verifyEmail" | "resetPassword" | "confirmEmailChange";

/** The address of a page: a URL with `{token}` in it, or a function that returns the URL. */
export type MailLink = string | ((token: string) => string);

/** The pages that the links in mails open. */
export type MailLinks = Readonly<Partial<Record<MailPurpose, MailLink>>>;

/** The pages of our own server. */
const PATHS: Readonly<Record<MailPurpose, string>> = {
  verifyEmail: "/verify-email",
  resetPassword: "/reset-password",
  confirmEmailChange: "/confirm-email",
};

/** Builds the links. They come from the settings, never from a request. */
export class Links {
  readonly #links: MailLinks;
  #base: string | undefined;

  /** @param base the origin of the pages that `links` leaves out */
  constructor(links: MailLinks, base: string | undefined) {
    this.#links = links;
    this.#base = base;
  }

  /** Sets the origin, if the settings do not say it. */
  useBase(url: string): void {
    this.#base ??= url;
  }

  /** Whether the links of all purposes can be built. */
  get areKnown(): boolean {
    return this.#base !== undefined || hasAllLinks(this.#links);
  }

  to(purpose: MailPurpose, token: string): string {
    const link = this.#links[purpose] ?? `${this.#base ?? ""}${PATHS[purpose]}?token={token}`;
    return typeof link === "function" ? link(token) : link.replaceAll("{token}", token);
  }
}

/** Returns whether a value is {@link MailLinks}. */
export function isLinks(value: unknown): value is MailLinks {
  return (
    typeof value === "object" &&
    value !== null &&
    Object.entries(value).every(([purpose, link]) => Object.hasOwn(PATHS, purpose) && isLink(link))
  );
}

/** Returns whether no link needs the origin of our server. */
export function hasAllLinks(links: MailLinks = {}): boolean {
  return Object.keys(PATHS).every((purpose) => Object.hasOwn(links, purpose));
}

function isLink(link: unknown): boolean {
  if (typeof link === "function") return true;
  return typeof link === "string" && link.includes("{token}") && /^https?:\/\/[^/{]/.test(link);
}
