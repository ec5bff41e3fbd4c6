import { BadUserInput } from "../../errors.js";
import type { RunStatement } from "../../sql.js";
import type { Mail } from "./mail.service.js";

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

/**
 * Tells the old address of a user that the account gets another one. Does nothing if the address stays the same. Call
 * this before the change.
 * @param emailKey the canonical form of the new address; null if the user gets none
 */
export async function queueEmailNotice(
  mail: Mail,
  run: RunStatement,
  userId: string,
  emailKey: string | null,
): Promise<void> {
  const [before] = await run<Recipient & { readonly emailKey: string | null }>(
    `SELECT id, username, email, email_key AS "emailKey" FROM "user" WHERE id = ?`,
    [userId],
  );
  if (before === undefined || before.emailKey === emailKey) return;
  await queueNotice(mail, run, "email-changed-notice", before);
}
