import { LastSignInMethod } from "../../accounts/errors.js";
import { newId } from "../../accounts/id.js";
import { BadUserInput } from "../../errors.js";
import { HAS_SESSION, openAt } from "../../sessions/live.js";
import type { RunStatement } from "../../sql.js";
import type { Principal } from "../../sessions/principal.js";
import type { CoreServices } from "../feature.js";
import { type Mail, queueNotice } from "../mail/index.js";
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
  /** The user's session in which the user links the account. @default none: the user is new */
  readonly sessionId?: string;
}

/** The accounts at providers by which users can log in. */
export class LinkedAccounts {
  readonly #core: Pick<CoreServices, "now" | "sessions" | "signInMethods" | "sql">;
  readonly #mail: Mail | undefined;
  /** SQL condition: the provider of the row `linked_account` is in the settings. */
  readonly #isUsable: string;

  /**
   * @param providers the names of the providers in the settings. They have only the letters `a` to `z`, digits and `-`
   * @param mail tells users of new links; undefined if mail is off
   */
  constructor(
    core: Pick<CoreServices, "now" | "sessions" | "signInMethods" | "sql">,
    providers: readonly string[],
    mail: Mail | undefined,
  ) {
    this.#core = core;
    this.#mail = mail;
    this.#isUsable = `linked_account.provider IN (${providers.map((name) => `'${name}'`).join(", ")})`;
    core.signInMethods.add(
      `(SELECT count(*) FROM linked_account WHERE linked_account.user_id = u.id AND ${this.#isUsable})`,
      (run, userId) => run("DELETE FROM linked_account WHERE user_id = ? RETURNING id", [userId]),
    );
  }

  /** Returns the id of the user to whom an account at a provider is linked, or null. */
  async findUser({ issuer, subject }: NewLink["identity"]): Promise<string | null> {
    const [found] = await this.#core.sql.read<{ userId: string }>(
      `SELECT user_id AS "userId" FROM linked_account WHERE issuer = ? AND subject = ?`,
      [issuer, subject],
    );
    return found?.userId ?? null;
  }

  /**
   * Records that a user logs in with an account at a provider.
   * @param run runs a statement of the transaction that opens the session
   * @returns false if the account is no longer linked to the user
   */
  async recordUse(
    run: RunStatement,
    { issuer, subject }: NewLink["identity"],
    userId: string,
  ): Promise<boolean> {
    const used = await run(
      `UPDATE linked_account SET last_used_at = ? WHERE issuer = ? AND subject = ? AND user_id = ? RETURNING id`,
      [this.#core.now(), issuer, subject, userId],
    );
    return used.length > 0;
  }

  /**
   * Links an account at a provider to a signed-in user. If mail is on, tells the user in a mail.
   * @returns false if the account is linked already, to any user, if the user is inactive, or if the user's session has
   * ended
   */
  async link(user: Principal, link: Omit<NewLink, "userId" | "sessionId">): Promise<boolean> {
    const mail = this.#mail;
    const isAdded = await this.#core.sql.inTransaction(async (run) => {
      const added = await this.add(run, { ...link, userId: user.id, sessionId: user.session.id });
      if (added && mail !== undefined) await queueNotice(mail, run, "account-linked", user);
      return added;
    });
    if (isAdded) mail?.wake();
    return isAdded;
  }

  /**
   * Links an account at a provider to a user.
   * @param run runs a statement of the caller's transaction
   * @returns false if the account is linked already, to any user, if the user is inactive, or if the given session has
   * ended
   */
  async add(
    run: RunStatement,
    { userId, provider, identity, name, sessionId }: NewLink,
  ): Promise<boolean> {
    const now = this.#core.now();
    const inSession = sessionId === undefined ? "" : `AND ${HAS_SESSION}`;
    const added = await run(
      `INSERT INTO linked_account (id, user_id, provider, issuer, subject, name, linked_at)
       SELECT ?, id, ?, ?, ?, ?, ? FROM "user" WHERE id = ? AND is_active ${inSession}
       ON CONFLICT (issuer, subject) DO NOTHING RETURNING id`,
      [
        ...[newId(), provider, identity.issuer, identity.subject, name, now, userId],
        ...(sessionId === undefined ? [] : [sessionId, ...openAt(now)]),
      ],
    );
    return added.length > 0;
  }

  /** Returns a user's linked accounts. The account that was linked first comes first. */
  async list(userId: string): Promise<readonly LinkedAccount[]> {
    return this.#core.sql.read<LinkedAccount>(
      `SELECT id, provider, name, linked_at AS "linkedAt", last_used_at AS "lastUsedAt"
       FROM linked_account WHERE user_id = ? ORDER BY linked_at, id`,
      [userId],
    );
  }

  /**
   * Removes one of the user's linked accounts.
   * @returns the name of its provider
   * @throws {@link TokenRevoked} when the user's session has ended since the request began
   * @throws {@link LastSignInMethod} when the user has no other way to log in
   * @throws {@link BadUserInput} when the user has no such account
   */
  async remove(user: Pick<Principal, "id" | "session">, id: string): Promise<string> {
    const { sessions, signInMethods, sql } = this.#core;
    const own = [id, user.id];
    return sql.inTransaction(async (run) => {
      await sessions.requireLive(user.session, run);
      const [removed] = await run<{ provider: string }>(
        `DELETE FROM linked_account WHERE id = ? AND user_id = ?
           AND ${signInMethods.countOf("linked_account.user_id")} > CASE WHEN ${this.#isUsable} THEN 1 ELSE 0 END
         RETURNING provider`,
        own,
      );
      if (removed !== undefined) return removed.provider;
      const kept = await run(`SELECT id FROM linked_account WHERE id = ? AND user_id = ?`, own);
      throw kept.length > 0
        ? new LastSignInMethod()
        : new BadUserInput("There is no such account.");
    });
  }
}
