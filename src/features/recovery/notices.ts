import { BadUserInput } from "../../errors.js";
import type { RunStatement } from "../../sql.js";
import type { Mail } from "../mail/index.js";

/** The user whom a notice is about. */
export interface Recipient {
  readonly id: string;
  readonly username: string;
  readonly email: string | null;
}

/**
 * Queues a mail that tells the owner of an account what has changed. Does nothing if the user has no e-mail address, or
 * a malformed one. An older version may have stored such an address.
 * @param run runs a statement of the transaction that makes the change
 */
export async function queueNotice(
  mail: Mail,
  run: RunStatement,
  template: "password-changed" | "email-changed-notice" | "account-deleted",
  { id, username, email }: Recipient,
): Promise<void> {
  if (email === null) return;
  try {
    await mail.queue(run, { template, to: email, userId: id, values: { username } });
  } catch (error) {
    if (!(error instanceof BadUserInput)) throw error;
  }
}
