import { newId } from "../../accounts/id.js";
import { BadUserInput, LastSignInMethod } from "../../errors.js";
import { type RunStatement, withoutTransaction } from "../../sql.js";
import type { CoreServices } from "../feature.js";
import type { Identity } from "./provider.js";

/** Instants are epoch milliseconds. */
export interface LinkedAccount {
  readonly id: string;
  readonly provider: string;
  readonly name: string | null;
  readonly linkedAt: number;
  readonly lastUsedAt: number | null;
}

export interface NewLink {
  readonly userId: string;
  readonly provider: string;
  readonly identity: Pick<Identity, "issuer" | "subject">;
  readonly name: string | null;
}

/** PostgreSQL returns a bigint as a text. */
interface Row extends Omit<LinkedAccount, "linkedAt" | "lastUsedAt"> {
  readonly linkedAt: number | string;
  readonly lastUsedAt: number | string | null;
}

/** The accounts at providers by which users can log in. */
export class LinkedAccounts {
  readonly #core: Pick<CoreServices, "now" | "signInMethods" | "sql">;
  /** SQL: whether the row of `linked_account` has a provider that is in the settings. */
  readonly #isUsable: string;

  /** @param providers names of `a` to `z`, digits and `-` */
  constructor(
    core: Pick<CoreServices, "now" | "signInMethods" | "sql">,
    providers: readonly string[],
  ) {
    this.#core = core;
    this.#isUsable = `linked_account.provider IN (${providers.map((name) => `'${name}'`).join(", ")})`;
    core.signInMethods.add(
      `(SELECT count(*) FROM linked_account WHERE linked_account.user_id = u.id AND ${this.#isUsable})`,
    );
  }

  /** Returns the id of the user to whom an account is linked, or null. */
  async findUser({ issuer, subject }: NewLink["identity"]): Promise<string | null> {
    const [found] = await this.#core.sql.read<{ userId: string }>(
      `SELECT user_id AS "userId" FROM linked_account WHERE issuer = ? AND subject = ?`,
      [issuer, subject],
    );
    return found?.userId ?? null;
  }

  async recordUse({ issuer, subject }: NewLink["identity"]): Promise<void> {
    await this.#core.sql.write(
      `UPDATE linked_account SET last_used_at = ? WHERE issuer = ? AND subject = ? RETURNING id`,
      [this.#core.now(), issuer, subject],
    );
  }

  /**
   * Links an account to a user.
   * @returns false if the account is linked already, to this or another user
   */
  async add({ userId, provider, identity, name }: NewLink, run?: RunStatement): Promise<boolean> {
    const { now, sql } = this.#core;
    const added = await (run ?? withoutTransaction(sql))(
      `INSERT INTO linked_account (id, user_id, provider, issuer, subject, name, linked_at)
       SELECT ?, id, ?, ?, ?, ?, ? FROM "user" WHERE id = ? AND is_active
       ON CONFLICT (issuer, subject) DO NOTHING RETURNING id`,
      [newId(), provider, identity.issuer, identity.subject, name, now(), userId],
    );
    return added.length > 0;
  }

  /** Returns a user's accounts, oldest first. */
  async list(userId: string): Promise<readonly LinkedAccount[]> {
    const rows = await this.#core.sql.read<Row>(
      `SELECT id, provider, name, linked_at AS "linkedAt", last_used_at AS "lastUsedAt"
       FROM linked_account WHERE user_id = ? ORDER BY linked_at, id`,
      [userId],
    );
    return rows.map((row) => ({
      ...row,
      linkedAt: Number(row.linkedAt),
      lastUsedAt: row.lastUsedAt === null ? null : Number(row.lastUsedAt),
    }));
  }

  /**
   * Removes one of the user's accounts.
   * @returns the name of its provider
   * @throws {@link LastSignInMethod} when the user could not log in otherwise
   * @throws {@link BadUserInput} when the user has no such account
   */
  async remove(userId: string, id: string): Promise<string> {
    const { signInMethods, sql } = this.#core;
    const [removed] = await sql.writeExclusive<{ provider: string }>(
      `DELETE FROM linked_account WHERE id = ? AND user_id = ?
         AND ${signInMethods.countOf("linked_account.user_id")} > CASE WHEN ${this.#isUsable} THEN 1 ELSE 0 END
       RETURNING provider`,
      [id, userId],
    );
    if (removed !== undefined) return removed.provider;
    const kept = await sql.read(`SELECT id FROM linked_account WHERE id = ? AND user_id = ?`, [
      id,
      userId,
    ]);
    throw kept.length > 0 ? new LastSignInMethod() : new BadUserInput("There is no such account.");
  }
}
