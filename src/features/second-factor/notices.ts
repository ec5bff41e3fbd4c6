import type { RunStatement } from "../../sql.js";
import { type Mail, queueNotice, type Recipient } from "../mail/index.js";

type NoticeName = "recovery-code-used" | "second-factor-added" | "second-factor-removed";

/** Tells users by mail what happened to their second factors. Does nothing if mail is off. */
export class Notices {
  readonly #mail: Mail | undefined;

  constructor(mail: Mail | undefined) {
    this.#mail = mail;
  }

  /**
   * Stores a mail to a user. Call {@link Notices.send} after the commit.
   * @param run runs a statement of the transaction that changes the factors
   */
  async queue(run: RunStatement, template: NoticeName, userId: string): Promise<void> {
    if (this.#mail === undefined) return;
    const [user] = await run<Recipient>(`SELECT id, username, email FROM "user" WHERE id = ?`, [
      userId,
    ]);
    if (user !== undefined) await queueNotice(this.#mail, run, template, user);
  }

  send(): void {
    this.#mail?.wake();
  }
}
