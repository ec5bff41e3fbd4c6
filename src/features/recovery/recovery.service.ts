import { requireNewEmail } from "../../accounts/identifiers.js";
import type { User } from "../../accounts/user.js";
import type { AuthContext } from "../../authentication/context.js";
import { EmailTaken, NoSuchUser } from "../../errors.js";
import type { Client } from "../../events.js";
import type { RunStatement } from "../../sql.js";
import { requireOwnSession } from "../../sessions/own-session.js";
import type { CoreServices } from "../feature.js";
import { type Mail, type MailPurpose, MailTokenNotValid } from "../mail/index.js";
import { queueNotice, type Recipient } from "./notices.js";

/** How long the links work, in seconds. */
const RESET_LIFETIME = 30 * 60;
const EMAIL_CHANGE_LIFETIME = 24 * 3600;

/** A mail with a link. */
interface Letter {
  readonly template: "reset-password" | "address-known";
  readonly purpose: MailPurpose;
  readonly to: string;
  readonly lifetime: number;
}

interface StoredRecipient extends Recipient {
  /** The canonical form of the address. */
  readonly emailKey: string | null;
}

/** Resets passwords and changes e-mail addresses, by links in mails. */
export class RecoveryService {
  readonly #core: Pick<CoreServices, "accounts" | "onEvent" | "sql" | "throttle">;
  readonly #mail: Mail;

  constructor(core: Pick<CoreServices, "accounts" | "onEvent" | "sql" | "throttle">, mail: Mail) {
    this.#core = core;
    this.#mail = mail;
  }

  /**
   * Sends a link to the owner of an address. If there is nobody to write to, it does nothing, and the caller cannot
   * tell.
   * @throws {@link BadUserInput} when the address is malformed
   * @throws {@link TooManyRequests} when a rate limit is reached
   * @throws {@link ServiceUnavailable} when too many requests wait
   */
  async requestPasswordReset(email: string, client: Client): Promise<void> {
    const { accounts, onEvent, throttle } = this.#core;
    await throttle.attempt(client);
    const user = await accounts.findUser({ email });
    this.#mail.later(async () => {
      if (!canGetMail(user)) return;
      if (!(await this.#mail.allows({ address: user.email, userId: user.id }))) return;
      await this.#send(user, resetLetter("reset-password", user.email));
      onEvent({ type: "recovery:reset_requested", userId: user.id }, client);
    });
  }

  /**
   * Sets a new password, ends all sessions of the user, and unlocks the account. A refused password leaves the token
   * usable.
   * @returns how many sessions it has ended
   * @throws {@link MailTokenNotValid}, {@link MailTokenExpired}
   * @throws {@link PasswordTooWeak}, {@link Vetoed}
   * @throws {@link TooManyRequests} when a rate limit is reached
   */
  async resetPassword(token: string, newPassword: string, client: Client): Promise<number> {
    const { accounts, onEvent, throttle } = this.#core;
    await throttle.attempt(client);
    const given = { purpose: "resetPassword", token } as const;
    const { userId } = await this.#mail.tokens.find(given);
    const change = {
      begin: (run: RunStatement) => this.#mail.tokens.consume(run, given),
      finish: async (run: RunStatement) =>
        queueNotice(this.#mail, run, "password-changed", await readRecipient(run, userId)),
    };
    const sessionsEnded = await accounts
      .setPassword(userId, newPassword, change, client)
      .catch(throwNotValid);
    onEvent({ type: "recovery:password_reset", userId }, client);
    this.#mail.wake();
    return sessionsEnded;
  }

  /**
   * Sends a link to a new address. If the address belongs to another user, that user gets a mail, and the caller cannot
   * tell.
   * @throws {@link BadUserInput} for a static token, or a malformed address
   * @throws {@link ServiceUnavailable} when too many requests wait
   */
  async changeEmail(context: AuthContext, newEmail: string): Promise<void> {
    const { accounts, onEvent } = this.#core;
    const { client } = context;
    const user = await context.loadUser();
    requireOwnSession(user);
    requireNewEmail(newEmail);
    const owner = await accounts.findUser({ email: newEmail });
    this.#mail.later(async () => {
      if (!(await this.#mail.allows({ address: newEmail, userId: user.id }))) return;
      const isFree = owner === null || owner.id === user.id;
      await this.#core.sql.inTransaction(async (run) => {
        // Also for an address of another user: the older link must die in both cases, or the caller could tell them apart.
        const tokenId = await this.#mail.tokens.issue(run, {
          purpose: "confirmEmailChange",
          userId: user.id,
          address: newEmail,
          lifetime: EMAIL_CHANGE_LIFETIME,
        });
        // The mail has no user name, because a name can look like a link. It has no user's id: otherwise the audit trail
        // would tell the user that the address is free.
        if (isFree) {
          await this.#mail.queue(run, { template: "email-change-confirm", to: newEmail, tokenId });
        }
      });
      this.#mail.wake();
      if (!isFree && canGetMail(owner)) {
        await this.#send(owner, resetLetter("address-known", owner.email));
      }
      onEvent({ type: "recovery:email_change_requested", userId: user.id }, client);
    });
  }

  /**
   * Changes the address of the token's user, and tells the old one.
   * @throws {@link MailTokenNotValid} also if the address belongs to another user by now
   * @throws {@link MailTokenExpired}
   * @throws {@link TooManyRequests} when a rate limit is reached
   */
  async confirmEmailChange(token: string, client: Client): Promise<void> {
    const { accounts, onEvent, throttle } = this.#core;
    await throttle.attempt(client);
    const given = { purpose: "confirmEmailChange", token } as const;
    const { userId, address } = await this.#mail.tokens.find(given);
    const begin = async (run: RunStatement) => {
      await this.#mail.tokens.consume(run, given);
      const before = await readRecipient(run, userId);
      if (before.emailKey !== requireNewEmail(address)) {
        await queueNotice(this.#mail, run, "email-changed-notice", before);
      }
    };
    await accounts
      .updateUser(userId, { email: address }, client, undefined, begin)
      .catch(throwNotValid);
    onEvent({ type: "recovery:email_confirmed", userId }, client);
    this.#mail.wake();
  }

  /** Stores a mail with a new token. */
  async #send(user: Recipient, { template, purpose, to, lifetime }: Letter): Promise<void> {
    const { id: userId, username } = user;
    await this.#core.sql.inTransaction(async (run) => {
      const token = { purpose, userId, address: to, lifetime };
      const tokenId = await this.#mail.tokens.issue(run, token);
      await this.#mail.queue(run, { template, to, userId, values: { username }, tokenId });
    });
    this.#mail.wake();
  }
}

function resetLetter(template: "reset-password" | "address-known", to: string): Letter {
  return { template, purpose: "resetPassword", to, lifetime: RESET_LIFETIME };
}

function canGetMail(user: User | null): user is User & { readonly email: string } {
  return user !== null && user.isActive && user.email !== null;
}

async function readRecipient(run: RunStatement, id: string): Promise<StoredRecipient> {
  const [user] = await run<StoredRecipient>(
    `SELECT id, username, email, email_key AS "emailKey" FROM "user" WHERE id = ?`,
    [id],
  );
  if (user === undefined) throw new MailTokenNotValid();
  return user;
}

/** Hides the cause from the caller, such as {@link EmailTaken}: it would tell that another user has the address. */
function throwNotValid(error: unknown): never {
  throw error instanceof NoSuchUser || error instanceof EmailTaken
    ? new MailTokenNotValid()
    : error;
}
