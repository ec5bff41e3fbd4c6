import { NoSuchUser } from "../../accounts/errors.js";
import { canonicalEmail, requireNewEmail } from "../../accounts/identifiers.js";
import type { User } from "../../accounts/user.js";
import type { AuthContext } from "../../authentication/context.js";
import type { Client } from "../../events.js";
import type { RunStatement } from "../../sql.js";
import { loadOwner } from "../../sessions/own-session.js";
import type { CoreServices } from "../feature.js";
import {
  type Mail,
  type MailRequest,
  type MailRequests,
  MailTokenNotValid,
  queueEmailNotice,
  queueNotice,
  type Recipient,
  throwNotValid,
} from "../mail/index.js";

interface ResetRequest {
  /** The address in canonical form. */
  readonly email: string;
}

interface ChangeRequest {
  readonly userId: string;
  /** The caller's `credentialsVersion` when the caller sent the request. */
  readonly credentialsVersion: number;
  readonly newEmail: string;
}

export class RecoveryService {
  readonly #core: Pick<CoreServices, "accounts" | "onEvent" | "throttle">;
  readonly #mail: Mail;
  readonly #resets: MailRequests<ResetRequest>;
  readonly #changes: MailRequests<ChangeRequest>;

  constructor(core: Pick<CoreServices, "accounts" | "onEvent" | "throttle">, mail: Mail) {
    this.#core = core;
    this.#mail = mail;
    this.#resets = mail.requestsOf("requestPasswordReset", (request) => this.#sendReset(request));
    this.#changes = mail.requestsOf("changeEmail", (request) => this.#sendChange(request));
  }

  /**
   * Mails a link to the active user who has the address. Sends no mail if there is no such user, the user has a hold
   * (see `ResetHolds`), or too many mails were sent. The caller does not learn this.
   * @throws {@link BadUserInput} when the address is malformed
   * @throws {@link TooManyRequests} when a rate limit is reached
   * @throws {@link ServiceUnavailable} when too many requests wait
   */
  async requestPasswordReset(email: string, client: Client): Promise<void> {
    await this.#core.throttle.attempt(client);
    await this.#resets.store({ email: canonicalEmail(email) }, client);
  }

  async #sendReset({
    given,
    client,
    allows,
    inTransaction,
  }: MailRequest<ResetRequest>): Promise<void> {
    const user = await this.#core.accounts.findUser(given);
    if (!canGetMail(user) || (await this.#areResetsHeld(user))) return;
    const { id: userId, email: address } = user;
    if (!(await allows({ purpose: "resetPassword", address, userId }))) return;
    await inTransaction((run) => this.#queueReset(run, user, "reset-password"));
    this.#core.onEvent({ type: "recovery:reset_requested", userId }, client);
  }

  /**
   * Sets a new password, and ends all sessions of the user. Unlocks the account only if the user has no second factor.
   * Otherwise a stranger who reads the user's mails could unlock the account again and again, and guess codes without
   * end. If the password is refused, the token can be used again.
   * @returns how many sessions have ended
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
      isReset: true,
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
   * Mails a link to the new address. If another user has the address, sends no such link, and normally sends that user
   * another mail. The caller does not learn about that user.
   * @throws {@link BadUserInput} for a static token, an administrator who acts as the user, or a malformed address
   * @throws {@link TooManyRequests} when a rate limit is reached
   * @throws {@link ServiceUnavailable} when too many requests wait
   */
  async changeEmail(context: AuthContext, newEmail: string): Promise<void> {
    const { accounts, throttle } = this.#core;
    const { client } = context;
    const user = await loadOwner(context);
    await throttle.attempt(client);
    requireNewEmail(newEmail);
    const account = await accounts.findAccountById(user.id);
    if (account === null) throw new NoSuchUser();
    const { id: userId, credentialsVersion } = account;
    await this.#changes.store({ userId, credentialsVersion, newEmail }, client);
  }

  async #sendChange({
    given: { userId, credentialsVersion, newEmail },
    client,
    allows,
    inTransaction,
  }: MailRequest<ChangeRequest>): Promise<void> {
    const { accounts, onEvent } = this.#core;
    const token = { purpose: "confirmEmailChange", userId } as const;
    if (!(await allows({ ...token, address: newEmail }))) return;
    const account = await accounts.findAccountById(userId);
    // Send no link that was requested before a new password, because a new password invalidates links.
    if (account?.credentialsVersion !== credentialsVersion) return;
    const owner = await accounts.findUser({ email: newEmail });
    await inTransaction(async (run) => {
      if (owner === null || owner.id === userId) {
        // Leave out the user name: the recipient may be a stranger, and a name can look like a link. Leave out the user
        // id. Otherwise the user would see the events of this mail in the audit trail, and learn that the address is
        // free.
        await this.#mail.queueLink(run, token, { template: "email-change-confirm", to: newEmail });
        return;
      }
      // Issue a token that is never sent, so that an older link stops working, as after a request for a free address.
      // Otherwise the caller could try an older link to learn whether the new address is free.
      await this.#mail.tokens.issue(run, { ...token, address: newEmail });
      if (canGetMail(owner) && !(await this.#areResetsHeld(owner))) {
        await this.#queueReset(run, owner, "address-known");
      }
    });
    onEvent({ type: "recovery:email_change_requested", userId }, client);
  }

  /**
   * Changes the address of the token's user, and mails a notice to the old address. Removes the user's password and
   * sessions if other users have registered with the new address, too.
   * @returns whether the user needs a new password
   * @throws {@link MailTokenNotValid} also if another user has the address by now
   * @throws {@link MailTokenExpired}
   * @throws {@link TooManyRequests} when a rate limit is reached
   */
  async confirmEmailChange(token: string, client: Client): Promise<boolean> {
    const { accounts, onEvent, throttle } = this.#core;
    await throttle.attempt(client);
    const given = { purpose: "confirmEmailChange", token } as const;
    const { userId, address } = await this.#mail.tokens.find(given);
    let isContested = false;
    const steps = {
      begin: async (run: RunStatement) => {
        ({ isContested } = await this.#mail.tokens.consume(run, given));
        await queueEmailNotice(this.#mail, run, userId, requireNewEmail(address));
        await this.#mail.resetHolds.end(run, userId);
      },
      losesPassword: () => isContested,
    };
    await accounts.updateUser(userId, { email: address }, client, steps).catch(throwNotValid);
    onEvent({ type: "recovery:email_confirmed", userId }, client);
    this.#mail.wake();
    return isContested;
  }

  async #areResetsHeld({ id }: User): Promise<boolean> {
    return (await this.#mail.resetHolds.endOf(id)) !== null;
  }

  async #queueReset(
    run: RunStatement,
    { id: userId, username, email: to }: User & { readonly email: string },
    template: "reset-password" | "address-known",
  ): Promise<void> {
    const token = { purpose: "resetPassword", userId } as const;
    const mail = { template, to, userId, values: { username } };
    await this.#mail.queueLink(run, token, mail);
  }
}

function canGetMail(user: User | null): user is User & { readonly email: string } {
  return user !== null && user.isActive && user.email !== null;
}

async function readRecipient(run: RunStatement, id: string): Promise<Recipient> {
  const [user] = await run<Recipient>(`SELECT id, username, email FROM "user" WHERE id = ?`, [id]);
  if (user === undefined) throw new MailTokenNotValid();
  return user;
}
