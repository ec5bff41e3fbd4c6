import type { AuthContext } from "../../authentication/context.js";
import { BadUserInput, TooManyRequests } from "../../errors.js";
import { loadOwner } from "../../sessions/own-session.js";
import type { CoreServices } from "../feature.js";
import type { Mail } from "../mail/index.js";

/** Seconds after which an administrator may retry when the user got too many mails. */
const RETRY_AFTER = 60;

export class ResetByAdminService {
  readonly #core: Pick<CoreServices, "accounts" | "onEvent" | "sql">;
  readonly #mail: Mail;

  constructor(core: Pick<CoreServices, "accounts" | "onEvent" | "sql">, mail: Mail) {
    this.#core = core;
    this.#mail = mail;
  }

  /**
   * Sends a user a mail with a link that sets a new password. The password and the sessions change only when the user
   * sets a new password.
   * @throws {@link NoSuchUser}
   * @throws {@link BadUserInput} when the caller uses a static token, or acts as another user
   * @throws {@link BadUserInput} when the user is inactive, or has no e-mail address
   * @throws {@link BadUserInput} when an administrator has replaced the user's address in the last 7 days
   * @throws {@link TooManyRequests} when the user got too many mails
   */
  async start(context: AuthContext, id: string): Promise<void> {
    const { accounts, onEvent, sql } = this.#core;
    await loadOwner(context);
    const { id: userId, username, email: address, isActive } = await accounts.getUser(id);
    if (!isActive) throw new BadUserInput("This user is inactive. Activate the user first.");
    if (address === null) {
      throw new BadUserInput("This user has no e-mail address. Add one with updateUser first.");
    }
    const heldUntil = await this.#mail.resetHolds.endOf(userId);
    if (heldUntil !== null) {
      const until = new Date(heldUntil).toISOString();
      throw new BadUserInput(
        `An administrator has replaced the address of this user. No link sets a new password until ${until}.`,
      );
    }
    const token = { purpose: "resetPassword", userId } as const;
    if (!(await this.#mail.allows({ ...token, address }))) throw new TooManyRequests(RETRY_AFTER);
    const mail = { template: "reset-password", to: address, userId, values: { username } };
    await sql.inTransaction((run) => this.#mail.queueLink(run, token, mail));
    this.#mail.wake();
    onEvent({ type: "reset-by-admin:started", userId }, context.client);
  }
}
