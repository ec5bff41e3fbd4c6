import { BadUserInput } from "../../errors.js";
import type { RunStatement } from "../../sql.js";
import type { MailTemplateName } from "./letters.js";
import type { Mail } from "./mail.service.js";

export interface Recipient {
  readonly id: string;
  readonly username: string;
  readonly email: string | null;
}

/**
 * Queues a mail that tells a user what has changed. Does nothing if the user has no valid e-mail address. An older
 * Gatehouse may have stored an invalid address.
 * @param run runs a statement of the transaction that makes the change
 */
export async function queueNotice(
  mail: Mail,
  run: RunStatement,
  template: MailTemplateName,
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
 * Queues a mail to the user's old address. The mail says that the address has changed. Does nothing if the address
 * stays the same. Call this before the change.
 * @param emailKey the canonical form of the new address; null if the address is removed
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
