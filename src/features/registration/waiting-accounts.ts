import { canonicalEmail } from "../../accounts/identifiers.js";
import { BadUserInput, NoSuchUser } from "../../errors.js";
import { NO_CLIENT } from "../../events.js";
import type { RunStatement } from "../../sql.js";
import type { CoreServices } from "../feature.js";
import { type MailProof, MailTokenNotValid } from "../mail/index.js";
import { EmailNotVerified } from "./errors.js";

/** How long an account that is neither verified nor used keeps its name, in milliseconds. */
const UNVERIFIED_RETENTION = 7 * 86_400_000;
/** How many unverified accounts one run of the job deletes at most. */
const BATCH_SIZE = 1000;

/** SQL that is true for a row of `registration` whose user has no address yet, also none that an administrator set. */
export const IS_WAITING = `EXISTS (SELECT 1 FROM "user" u WHERE u.id = registration.user_id AND u.email_key IS NULL)`;

/** SQL that is true for a row of `registration` that is old enough, and whose user has never been signed in. */
const IS_EXPIRED = `created_at <= ? AND ${IS_WAITING}
  AND NOT EXISTS (SELECT 1 FROM "user" u WHERE u.id = registration.user_id AND u.last_login_at IS NOT NULL)
  AND NOT EXISTS (SELECT 1 FROM session s WHERE s.user_id = registration.user_id)`;

/** A user who waits for a link. */
export interface Waiting {
  readonly userId: string;
  readonly email: string;
}

/** The accounts of people who have signed up. They wait for a proof of an address, also while registration is closed. */
export class WaitingAccounts {
  readonly #core: Pick<CoreServices, "accounts" | "now" | "sql">;
  readonly #verification: "required" | "optional";

  constructor(
    core: Pick<CoreServices, "accounts" | "now" | "sql">,
    verification: "required" | "optional",
  ) {
    this.#core = core;
    this.#verification = verification;
  }

  /** Returns whether any account waits. */
  async exist(): Promise<boolean> {
    const rows = await this.#core.sql.read(`SELECT user_id FROM registration LIMIT 1`, []);
    return rows.length > 0;
  }

  /**
   * Does nothing if the setting `emailVerification` is `optional`.
   * @throws {@link EmailNotVerified} when the user signed up, and has proved no address
   */
  async requireVerified(userId: string): Promise<void> {
    if (this.#verification === "optional") return;
    // The row goes with the first proof of an address.
    const unverified = await this.#core.sql.read(
      `SELECT user_id FROM registration WHERE user_id = ?`,
      [userId],
    );
    if (unverified.length > 0) throw new EmailNotVerified();
  }

  /**
   * Records a proved address, and ends the wait of its user. Other users who wait for the address cannot get it any
   * more.
   * @param run runs a statement of the transaction that uses up the token, and then gives the user the address
   * @returns whether others waited for an address that is new to the user. Then nobody can tell who chose the password
   */
  async recordProof(run: RunStatement, { userId, address }: MailProof): Promise<boolean> {
    const key = canonicalEmail(address);
    const others = await run(
      `UPDATE registration SET email = NULL, email_key = NULL
       WHERE email_key = ? AND user_id <> ? AND ${IS_WAITING} RETURNING user_id`,
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

  /** Deletes the accounts that were not verified within a week, so that their names are free again. */
  async deleteUnverified(): Promise<void> {
    const { accounts, now, sql } = this.#core;
    const before = now() - UNVERIFIED_RETENTION;
    const expired = await sql.read<{ id: string }>(
      `SELECT user_id AS id FROM registration WHERE ${IS_EXPIRED} ORDER BY created_at LIMIT ${BATCH_SIZE}`,
      [before],
    );
    for (const { id } of expired) {
      // The user may have opened the link meanwhile.
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

/** @throws {@link MailTokenNotValid} when the user waits, but not for this address */
export async function requireOwnWait(run: RunStatement, { userId, email }: Waiting): Promise<void> {
  const [waiting] = await run<{ emailKey: string | null }>(
    `SELECT email_key AS "emailKey" FROM registration WHERE user_id = ? AND ${IS_WAITING}`,
    [userId],
  );
  if (waiting !== undefined && waiting.emailKey !== canonicalEmail(email)) {
    throw new MailTokenNotValid();
  }
}
