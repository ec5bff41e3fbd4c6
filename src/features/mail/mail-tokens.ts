import { createHash, createHmac, type KeyObject } from "node:crypto";
import { newId } from "../../accounts/id.js";
import { requireNewEmail } from "../../accounts/identifiers.js";
import { BadUserInput } from "../../errors.js";
import type { RunStatement, Sql, SqlValue } from "../../sql.js";
import { MailTokenExpired, MailTokenNotValid } from "./errors.js";
import type { MailPurpose } from "./links.js";

/** The token to issue. */
export interface NewMailToken {
  readonly purpose: MailPurpose;
  readonly userId: string;
  /** The address that the token proves. For `resetPassword`, it must be the user's own. */
  readonly address: string;
  /** Seconds. @default 30 minutes for `resetPassword`, otherwise 24 hours */
  readonly lifetime?: number;
}

const HOUR = 3600;

/** How long no link sets a new password after an administrator has replaced the address, in milliseconds. */
const RESET_HOLD = 7 * 24 * HOUR * 1000;

/** How long the token of each purpose works, in seconds. */
const LIFETIMES: Readonly<Record<MailPurpose, number>> = {
  verifyEmail: 24 * HOUR,
  resetPassword: HOUR / 2,
  confirmEmailChange: 24 * HOUR,
};

/** A token, as the mutation of its purpose gets it. */
export interface GivenMailToken {
  readonly purpose: MailPurpose;
  readonly token: string;
}

/** The proof in a token: this user got a mail at this address. */
export interface MailProof {
  readonly userId: string;
  readonly address: string;
}

/** A token that was used up. */
export interface UsedMailToken extends MailProof {
  /** Whether others have asked for the address, too. Then nobody can tell whether its owner chose the user's password. */
  readonly isContested: boolean;
}

/** Runs in the transaction that uses up a token. Returns {@link UsedMailToken.isContested}. */
type ProofListener = (run: RunStatement, proof: MailProof) => Promise<boolean>;

/**
 * SQL that is true for a token whose user has not changed since it was issued. A new password, a new address, an
 * activation and a deactivation are such changes.
 */
const IS_CURRENT = `EXISTS (SELECT 1 FROM "user" u WHERE u.id = mail_token.user_id
  AND u.credentials_version = mail_token.credentials_version
  AND u.email_key IS NOT DISTINCT FROM mail_token.email_key)`;

/** SQL that is true for a given token, if it is unused and current. {@link knownAs} returns the parameters. */
const IS_KNOWN = `token_hash = ? AND purpose = ? AND used_at IS NULL AND ${IS_CURRENT}`;

/** The form of a token: 256 bits in base64url, which are 43 characters. */
const TOKEN = /^[\w-]{43}$/;

/**
 * The tokens of links in mails. A token works once, for one purpose, user and address. It stops working when the user
 * gets a newer one for the same purpose, gets a new password or address, or is activated or deactivated.
 */
export class MailTokens {
  readonly #sql: Sql;
  readonly #now: () => number;
  readonly #keys: readonly KeyObject[];
  readonly #listeners: ProofListener[] = [];

  /** @param keys the current key, then the previous ones */
  constructor(sql: Sql, now: () => number, keys: readonly KeyObject[]) {
    this.#sql = sql;
    this.#now = now;
    this.#keys = keys;
  }

  /**
   * Issues a token, and kills the older one of the same purpose and user.
   * @param run runs a statement of the caller's transaction
   * @returns the id of the token, for the mail that carries it
   * @throws {@link BadUserInput} when the user does not exist
   * @throws {@link BadUserInput} for `resetPassword`, when the user does not have the address, or resets are held back
   */
  async issue(
    run: RunStatement,
    { purpose, userId, address, lifetime = LIFETIMES[purpose] }: NewMailToken,
  ): Promise<string> {
    const id = newId();
    const [key] = this.#keys;
    if (key === undefined) throw new TypeError("There is no key.");
    const isOwn = purpose === "resetPassword";
    const now = this.#now();
    const issued = await run(
      `INSERT INTO mail_token (id, user_id, purpose, address, token_hash, email_key, credentials_version, expires_at)
       SELECT ?, u.id, ?, ?, ?, u.email_key, u.credentials_version, ? FROM "user" u
       WHERE u.id = ? AND (NOT ? OR u.email_key = ? AND NOT EXISTS (
         SELECT 1 FROM reset_hold h WHERE h.user_id = u.id AND h.held_until > ?))
       ON CONFLICT (user_id, purpose) DO UPDATE SET id = excluded.id, address = excluded.address,
         token_hash = excluded.token_hash, email_key = excluded.email_key,
         credentials_version = excluded.credentials_version, expires_at = excluded.expires_at, used_at = NULL
       RETURNING id`,
      [
        ...[id, purpose, address, hashToken(deriveToken(key, id)), now + lifetime * 1000],
        ...[userId, isOwn, requireNewEmail(address), now],
      ],
    );
    if (issued.length === 0) throw new BadUserInput("There is no such user with this address.");
    return id;
  }

  /**
   * Holds back the links that set a new password, for a week. Otherwise an administrator could give a user an address of
   * her own, and take the account over by a link to it. Call this before the address changes. Does nothing if the address
   * stays the same, or if the user has no address, or has neither a password nor ever logged in.
   * @param emailKey the canonical form of the new address; null if the user gets none
   * @internal
   */
  async holdResets(run: RunStatement, userId: string, emailKey: string | null): Promise<void> {
    await run(
      `INSERT INTO reset_hold (user_id, held_until) SELECT id, ? FROM "user"
       WHERE id = ? AND email_key IS NOT NULL AND email_key IS DISTINCT FROM ?
         AND (password_hash IS NOT NULL OR last_login_at IS NOT NULL)
       ON CONFLICT (user_id) DO UPDATE SET held_until = excluded.held_until RETURNING user_id`,
      [this.#now() + RESET_HOLD, userId, emailKey],
    );
  }

  /** Ends {@link MailTokens.holdResets}. @internal */
  async releaseResets(run: RunStatement, userId: string): Promise<void> {
    await run(`DELETE FROM reset_hold WHERE user_id = ? RETURNING user_id`, [userId]);
  }

  /**
   * Returns until when no link sets a new password of the user, in epoch milliseconds. Null if none is held back.
   * @internal
   */
  async resetsHeldUntil(userId: string): Promise<number | null> {
    const [held] = await this.#sql.read<{ until: number | string }>(
      `SELECT held_until AS until FROM reset_hold WHERE user_id = ? AND held_until > ?`,
      [userId, this.#now()],
    );
    return held === undefined ? null : Number(held.until);
  }

  /**
   * Returns the proof in a token, and leaves the token usable.
   * @throws {@link MailTokenExpired}; {@link MailTokenNotValid} in all other cases
   */
  async find(given: GivenMailToken): Promise<MailProof> {
    return this.#find((statement, parameters) => this.#sql.read(statement, parameters), given);
  }

  /**
   * Uses a token up. Call it before the transaction changes the user, because a change kills the token.
   * @param run runs a statement of the caller's transaction. If the transaction fails, the token works again.
   * @throws {@link MailTokenExpired}; {@link MailTokenNotValid} in all other cases
   */
  async consume(run: RunStatement, given: GivenMailToken): Promise<UsedMailToken> {
    const now = this.#now();
    const [used] = await run<MailProof>(
      `UPDATE mail_token SET used_at = ? WHERE ${IS_KNOWN} AND expires_at > ?
       RETURNING user_id AS "userId", address`,
      [now, ...knownAs(given), now],
    );
    if (used === undefined) {
      await this.#find(run, given);
      throw new MailTokenNotValid();
    }
    let isContested = false;
    for (const listener of this.#listeners) if (await listener(run, used)) isContested = true;
    return { ...used, isContested };
  }

  async #find(read: RunStatement, given: GivenMailToken): Promise<MailProof> {
    const [found] = await read<MailProof & { isExpired: boolean | number }>(
      `SELECT user_id AS "userId", address, expires_at <= ? AS "isExpired" FROM mail_token WHERE ${IS_KNOWN}`,
      [this.#now(), ...knownAs(given)],
    );
    if (found === undefined) throw new MailTokenNotValid();
    const { userId, address, isExpired } = found;
    if (isExpired) throw new MailTokenExpired();
    return { userId, address };
  }

  /** @param listener called when a token of any purpose is used up, and so proves an address */
  onProof(listener: ProofListener): void {
    this.#listeners.push(listener);
  }

  /**
   * Derives a token again, for its mail.
   * @returns null if the token does not work any more
   */
  async derive(id: string): Promise<{ purpose: MailPurpose; token: string } | null> {
    const [row] = await this.#sql.read<{ purpose: MailPurpose; tokenHash: string }>(
      `SELECT purpose, token_hash AS "tokenHash" FROM mail_token
       WHERE id = ? AND used_at IS NULL AND expires_at > ? AND ${IS_CURRENT}`,
      [id, this.#now()],
    );
    if (row === undefined) return null;
    // The key may have been rotated since the token was issued.
    const tokens = this.#keys.map((key) => deriveToken(key, id));
    const token = tokens.find((derived) => hashToken(derived) === row.tokenHash);
    return token === undefined ? null : { purpose: row.purpose, token };
  }
}

/** @throws {@link MailTokenNotValid} for a malformed token */
function knownAs({ purpose, token }: GivenMailToken): SqlValue[] {
  if (typeof token !== "string" || !TOKEN.test(token)) throw new MailTokenNotValid();
  return [hashToken(token), purpose];
}

function deriveToken(key: KeyObject, id: string): string {
  return createHmac("sha256", key).update(`token:${id}`).digest("base64url");
}

function hashToken(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}
