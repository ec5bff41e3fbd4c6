import { NoSuchUser } from "../../accounts/errors.js";
import { canonicalEmail } from "../../accounts/identifiers.js";
import { BadUserInput } from "../../errors.js";
import { NO_CLIENT } from "../../events.js";
import type { RunStatement } from "../../sql.js";
import type { CoreServices } from "../feature.js";
import { type MailProof, MailTokenNotValid } from "../mail/index.js";
import { EmailNotVerified } from "./errors.js";

/** How long to keep an unused account without a proved address, in milliseconds. */
const UNVERIFIED_RETENTION = 7 * 86_400_000;
/** How many unverified accounts one run of the job deletes at most. */
const BATCH_SIZE = 1000;

/** SQL condition: the user of a `registration` has no address, not even one from an administrator. */
export const HAS_NO_ADDRESS = `EXISTS (SELECT 1 FROM "user" u WHERE u.id = registration.user_id AND u.email_key IS NULL)`;

/** SQL condition: the `registration` is old. Its user has no address and no session, and never logged in. */
const IS_EXPIRED = `created_at <= ? AND ${HAS_NO_ADDRESS}
  AND NOT EXISTS (SELECT 1 FROM "user" u WHERE u.id = registration.user_id AND u.last_login_at IS NOT NULL)
  AND NOT EXISTS (SELECT 1 FROM session s WHERE s.user_id = registration.user_id)`;

/** A user, and the address that the user has registered with. */
export interface Registration {
  readonly userId: string;
  readonly email: string;
}

/** The accounts of users who have registered, and have not proved an address yet. */
export class UnverifiedAccounts {
  readonly #core: Pick<CoreServices, "accounts" | "now" | "sql">;
  readonly #verification: "required" | "optional";

  constructor(
    core: Pick<CoreServices, "accounts" | "now" | "sql">,
    verification: "required" | "optional",
  ) {
    this.#core = core;
    this.#verification = verification;
  }

  async exist(): Promise<boolean> {
    const rows = await this.#core.sql.read(`SELECT user_id FROM registration LIMIT 1`, []);
    return rows.length > 0;
  }

  /**
   * Does the same as {@link UnverifiedAccounts.requireProof} if the setting `emailVerification` is `required`.
   * Otherwise does nothing.
   * @throws {@link EmailNotVerified}
   */
  async requireVerified(userId: string): Promise<void> {
    if (this.#verification === "required") await this.requireProof(userId);
  }

  /** @throws {@link EmailNotVerified} when the user has registered, but has proved no address */
  async requireProof(userId: string): Promise<void> {
    // The first proof of an address deletes this row.
    const unverified = await this.#core.sql.read(
      `SELECT user_id FROM registration WHERE user_id = ?`,
      [userId],
    );
    if (unverified.length > 0) throw new EmailNotVerified();
  }

  /**
   * Records that a user has proved an address. Other users who have registered with the address can no longer get it.
   * @param run runs a statement of the caller's transaction. The result is right only if the transaction has not given
   * the user the address yet
   * @returns true if other users had registered with the address, and this user did not have it before. The password of
   * this account may then be known to a stranger, who registered with the address of the person who proved it
   */
  async recordProof(run: RunStatement, { userId, address }: MailProof): Promise<boolean> {
    const key = canonicalEmail(address);
    const others = await run(
      `UPDATE registration SET email = NULL, email_key = NULL
       WHERE email_key = ? AND user_id <> ? AND ${HAS_NO_ADDRESS} RETURNING user_id`,
      [key, userId],
    );
    await run(
      `INSERT INTO verified_address (user_id, email_key, verified_at) VALUES (?, ?, ?)
       ON CONFLICT (user_id) DO UPDATE SET email_key = excluded.email_key, verified_at = excluded.verified_at
       RETURNING user_id`,
      [userId, key, this.#core.now()],
    );
    await run(`DELETE FROM registration WHERE user_id = ? RETURNING user_id`, [userId]);
    const owned = await run(`SELECT id FROM "user" WHERE id = ? AND email_key = ?`, [userId, key]);
    return others.length > 0 && owned.length === 0;
  }

  /** Deletes unused accounts that got no address within a week. Their names can then be used again. */
  async deleteUnverified(): Promise<void> {
    const { accounts, now, sql } = this.#core;
    const before = now() - UNVERIFIED_RETENTION;
    const expired = await sql.read<{ id: string }>(
      `SELECT user_id AS id FROM registration WHERE ${IS_EXPIRED} ORDER BY created_at LIMIT ${BATCH_SIZE}`,
      [before],
    );
    for (const { id } of expired) {
      // Check the condition again, because the user may have just proved an address or logged in.
      const finish = async (run: RunStatement) => {
        const still = `SELECT user_id FROM registration WHERE user_id = ? AND ${IS_EXPIRED}`;
        if ((await run(still, [id, before])).length === 0) throw new NoSuchUser();
      };
      await accounts.deleteUser(id, NO_CLIENT, finish).catch((error: unknown) => {
        if (!(error instanceof BadUserInput)) throw error;
      });
    }
  }
}

/**
 * Requires that the registration of a user is for the address `email`. Does nothing if the user already has an address,
 * or has no row in `registration`.
 * @throws {@link MailTokenNotValid} when the registration is for another address
 * @throws {@link MailTokenNotValid} when another user had this address before the registration, or has proved it since
 */
export async function requireOwnAddress(
  run: RunStatement,
  { userId, email }: Registration,
): Promise<void> {
  const [registration] = await run<{ emailKey: string | null }>(
    `SELECT email_key AS "emailKey" FROM registration WHERE user_id = ? AND ${HAS_NO_ADDRESS}`,
    [userId],
  );
  if (registration !== undefined && registration.emailKey !== canonicalEmail(email)) {
    throw new MailTokenNotValid();
  }
}
