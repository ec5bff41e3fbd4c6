import { canonicalEmail } from "../../accounts/identifiers.js";
import { BadUserInput } from "../../errors.js";
import type { RunStatement, Sql } from "../../sql.js";
import type { Mail, MailRequest, MailRequests } from "../mail/index.js";
import { HAS_NO_ADDRESS, type Registration } from "./unverified-accounts.js";

interface ResendRequest {
  readonly email: string;
}

interface Owner {
  readonly id: string;
  readonly username: string;
  readonly email: string;
  /** SQLite returns booleans as numbers. */
  readonly isActive: boolean | number;
}

/** Sends the mails that prove the addresses of new users. Requests for these mails are handled after the response. */
export class RegistrationMails {
  /** The requests for the mail after a sign-up. */
  readonly first: MailRequests<Registration>;
  /** The requests for another link. */
  readonly further: MailRequests<ResendRequest>;
  readonly #sql: Sql;
  readonly #mail: Mail;

  constructor(sql: Sql, mail: Mail) {
    this.#sql = sql;
    this.#mail = mail;
    this.first = mail.requestsOf("register", (request) => this.#sendFirst(request));
    this.further = mail.requestsOf("resendVerification", (request) => this.#sendAgain(request));
  }

  /**
   * Sends the mail of a registration. The new user gets a link. If the address already has an account, its owner gets a
   * notice instead, or nothing if the owner is inactive.
   */
  async #sendFirst({ given, allows, inTransaction }: MailRequest<Registration>): Promise<void> {
    const { userId, email } = given;
    if (!(await allows({ purpose: "verifyEmail", address: email }))) return;
    await inTransaction(async (run) => {
      const key = canonicalEmail(email);
      const owner = await findOwner(run, key);
      if (owner !== undefined && owner.id !== userId) {
        if (owner.isActive) await this.#queueNews(run, owner);
        return;
      }
      const unverified = await run(
        `SELECT user_id FROM registration WHERE user_id = ? AND email_key = ? AND ${HAS_NO_ADDRESS}`,
        [userId, key],
      );
      if (unverified.length > 0) await this.#queueLink(run, given);
    });
  }

  /** Sends a new link to the user whom {@link findUnverified} returns. */
  async #sendAgain({ given, allows, inTransaction }: MailRequest<ResendRequest>): Promise<void> {
    const key = canonicalEmail(given.email);
    const registration = await findUnverified(this.#sql, key);
    if (registration === undefined) return;
    const { userId, email: address } = registration;
    if (!(await allows({ purpose: "verifyEmail", address, userId }))) return;
    await inTransaction((run) => this.#queueLink(run, registration));
  }

  /** Queues a mail with a link that proves an address. Other users' links to the same address stay valid. */
  async #queueLink(run: RunStatement, { userId, email }: Registration): Promise<void> {
    const token = { purpose: "verifyEmail", userId } as const;
    // Leave out the user name: a stranger may have chosen a name that looks like a link. Leave out the user id.
    // Otherwise the new user would see the event of a failed mail in the audit trail, and learn that the address has no
    // account.
    await this.#mail.queueLink(run, token, { template: "verify-email", to: email });
  }

  /** Queues a mail that tells a user that somebody has signed up with the user's address. */
  async #queueNews(run: RunStatement, { id: userId, username, email: to }: Owner): Promise<void> {
    const token = { purpose: "resetPassword", userId } as const;
    try {
      // Send the mail to the stored address. The person who signed up may have written `Ada@example.com` instead of
      // `ada@example.com`, which is another mailbox on some servers.
      const mail = { template: "address-known", to, userId, values: { username } };
      await this.#mail.queueLink(run, token, mail);
    } catch (error) {
      // An older Gatehouse may have stored an address that is not valid. Or an administrator has replaced the address
      // in the last 7 days, so no mail may contain a link that sets a new password.
      if (!(error instanceof BadUserInput)) throw error;
    }
  }
}

/** Returns the user who has an address, or undefined. @param key the canonical form of the address */
export async function findOwner(run: RunStatement, key: string): Promise<Owner | undefined> {
  const [owner] = await run<Owner>(
    `SELECT id, username, email, is_active AS "isActive" FROM "user" WHERE email_key = ?`,
    [key],
  );
  return owner;
}

/**
 * Returns the user who may get a new link to an address. If an account has the address, returns the user of that
 * account, or undefined if the account is inactive or has proved the address. If no account has the address, returns
 * the first active user who registered with it.
 */
async function findUnverified(sql: Sql, key: string): Promise<Registration | undefined> {
  const [owner] = await sql.read<
    Registration & Pick<Owner, "isActive"> & { readonly verifiedAt: number | null }
  >(
    `SELECT u.id AS "userId", u.email, u.is_active AS "isActive", v.verified_at AS "verifiedAt" FROM "user" u
     LEFT JOIN verified_address v ON v.user_id = u.id AND v.email_key = u.email_key WHERE u.email_key = ?`,
    [key],
  );
  if (owner !== undefined) return owner.isActive && owner.verifiedAt === null ? owner : undefined;
  const [oldest] = await sql.read<Registration>(
    `SELECT r.user_id AS "userId", r.email FROM registration r JOIN "user" u ON u.id = r.user_id
     WHERE r.email_key = ? AND u.email_key IS NULL AND u.is_active ORDER BY r.created_at, r.user_id LIMIT 1`,
    [key],
  );
  return oldest;
}
