import type { InSameTransaction } from "../../accounts/account-changes.js";
import type { AuthContext } from "../../authentication/context.js";
import { loadOwner } from "../../sessions/own-session.js";
import type { CoreServices } from "../feature.js";
import { type Mail, queueNotice, type Recipient } from "../mail/index.js";

/** Lets signed-in users change their password and delete their account. Works even if mail is off. */
export class OwnAccountService {
  readonly #core: Pick<CoreServices, "accounts" | "authentication">;
  readonly #mail: Mail | undefined;

  /** @param mail tells users what has changed; undefined if mail is off */
  constructor(core: Pick<CoreServices, "accounts" | "authentication">, mail: Mail | undefined) {
    this.#core = core;
    this.#mail = mail;
  }

  /**
   * Sets a new password, and ends the user's other sessions.
   * @returns how many sessions have ended
   * @throws {@link BadUserInput} for a static token, an administrator who acts as the user, or a malformed password
   * @throws {@link InvalidCredentials} for example for a wrong current password, or for a locked account
   * @throws {@link TooManyRequests} when a rate limit of logins is reached
   * @throws {@link PasswordTooWeak}, {@link Vetoed}
   */
  async changePassword(
    context: AuthContext,
    currentPassword: string,
    newPassword: string,
  ): Promise<number> {
    const { accounts, authentication } = this.#core;
    const { client } = context;
    const user = await loadOwner(context);
    const { id, session } = user;
    const { credentialsVersion } = await authentication.requirePassword(
      id,
      currentPassword,
      client,
    );
    const finish = this.#noticeTo(user, "password-changed");
    const change = { keepSession: session.id, credentialsVersion, finish };
    const sessionsEnded = await accounts.setPassword(id, newPassword, change, client);
    this.#mail?.wake();
    return sessionsEnded;
  }

  /**
   * Deletes the user with all sessions and tokens.
   * @throws {@link BadUserInput} for a static token, an administrator who acts as the user, or the last active
   * administrator
   */
  async deleteAccount(context: AuthContext): Promise<void> {
    const user = await loadOwner(context);
    const finish = this.#noticeTo(user, "account-deleted");
    await this.#core.accounts.deleteUser(user, context.client, finish);
    this.#mail?.wake();
  }

  /** Returns a function that queues a mail to the user, in the transaction of the change. Undefined if mail is off. */
  #noticeTo(
    user: Recipient,
    template: "password-changed" | "account-deleted",
  ): InSameTransaction | undefined {
    const mail = this.#mail;
    return mail && ((run) => queueNotice(mail, run, template, user));
  }
}
