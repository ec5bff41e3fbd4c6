/** The purpose of a link, which is the name of the mutation that takes the link's token. */
export type MailPurpose = "verifyEmail" | "resetPassword" | "confirmEmailChange" | "loginWithCode";

/** The address of a page: a URL with `{token}` in it, or a function that returns the URL. */
export type MailLink = string | ((token: string) => string);

/** The pages that the links in mails open. */
export type MailLinks = Readonly<Partial<Record<MailPurpose, MailLink>>>;

/** The paths of the pages that the setting `links` does not name. */
const PATHS: Readonly<Record<MailPurpose, string>> = {
  verifyEmail: "/verify-email",
  resetPassword: "/reset-password",
  confirmEmailChange: "/confirm-email",
  loginWithCode: "/login-code",
};

/** The purposes whose mails are useless without a link. A mail for `loginWithCode` also has a code. */
const NEED_LINKS: readonly MailPurpose[] = ["verifyEmail", "resetPassword", "confirmEmailChange"];

/**
 * Builds the links in mails from the settings. Does not use the headers of a request, because an attacker could put
 * another host into a link.
 */
export class Links {
  readonly #links: MailLinks;
  #base: string | undefined;

  /** @param base the origin of the pages that `links` does not name */
  constructor(links: MailLinks, base: string | undefined) {
    this.#links = links;
    this.#base = base;
  }

  /** Sets the origin if there is none yet. */
  useBase(url: string): void {
    this.#base ??= url;
  }

  /** Whether a link can be built for every purpose that needs one. */
  get areKnown(): boolean {
    return this.#base !== undefined || hasAllLinks(this.#links);
  }

  /** @returns undefined if there is neither a page for the purpose nor an origin */
  to(purpose: MailPurpose, token: string): string | undefined {
    const base = this.#base;
    const link = this.#links[purpose] ?? (base && `${base}${PATHS[purpose]}?token={token}`);
    if (link === undefined) return undefined;
    return typeof link === "function" ? link(token) : link.replaceAll("{token}", token);
  }
}

export function isLinks(value: unknown): value is MailLinks {
  return (
    typeof value === "object" &&
    value !== null &&
    Object.entries(value).every(([purpose, link]) => Object.hasOwn(PATHS, purpose) && isLink(link))
  );
}

/** Returns whether the setting has a link for every purpose that needs one. */
export function hasAllLinks(links: MailLinks = {}): boolean {
  return NEED_LINKS.every((purpose) => Object.hasOwn(links, purpose));
}

function isLink(link: unknown): boolean {
  if (typeof link === "function") return true;
  return typeof link === "string" && link.includes("{token}") && /^https?:\/\/[^/{]/.test(link);
}
