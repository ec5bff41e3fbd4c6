import { createHmac, type KeyObject } from "node:crypto";
import { requireNewEmail } from "../../accounts/identifiers.js";
import type { Limiter, LimiterStore } from "../../throttling/limiter.js";
import type { MailPurpose } from "./links.js";

/** A mail with a link. */
export interface LinkMail {
  /**
   * The purpose of the mail. Each purpose has its own limits. Otherwise a stranger who signs up with an address again
   * and again could keep the owner of the address from resetting the password.
   */
  readonly purpose: MailPurpose;
  readonly address: string;
  /** The account that the mail is about. @default null */
  readonly userId?: string | null;
}

/** The limits for each account and for each address. `window` is in seconds. */
const LIMITS = [
  { name: "mails-per-minute", limit: 1, window: 60 },
  { name: "mails-per-hour", limit: 5, window: 3600 },
];

/** Limits the mails with links. */
export class MailLimits {
  readonly #key: KeyObject;
  readonly #limiters: readonly Limiter[];

  /** @param key hashes addresses and user ids, because the stored counters must not reveal them */
  constructor(createLimiter: LimiterStore["createLimiter"], key: KeyObject) {
    this.#key = key;
    this.#limiters = LIMITS.map((rule) => createLimiter(rule));
  }

  /**
   * Counts a mail with a link.
   * @returns whether the mail may be sent
   * @throws {@link BadUserInput} when `address` is not one e-mail address
   */
  async allows({ purpose, address, userId = null }: LinkMail): Promise<boolean> {
    const account = userId === null ? [] : [`account:${userId}`];
    const keys = [...account, `address:${requireNewEmail(address)}`].map((text) =>
      createHmac("sha256", this.#key).update(`${purpose}:${text}`).digest("base64url"),
    );
    for (const limiter of this.#limiters) {
      for (const key of keys) if ((await limiter.consume(key)) > 0) return false;
    }
    return true;
  }
}
