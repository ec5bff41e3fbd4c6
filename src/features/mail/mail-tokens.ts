import { createHash, createHmac, type KeyObject } from "node:crypto";
import { newId } from "../../accounts/id.js";
import { requireNewEmail } from "../../accounts/identifiers.js";
import { BadUserInput } from "../../errors.js";
import type { RunStatement, Sql, SqlValue } from "../../sql.js";
import { hashSecret, isSecret } from "../../tokens/secret-hash.js";
import { MailTokenExpired, MailTokenNotValid } from "./errors.js";
import type { MailPurpose } from "./links.js";
import { IS_HELD } from "./reset-holds.js";

export interface NewMailToken {
  readonly purpose: MailPurpose;
  readonly userId: string;
  /** The address that gets the mail with the token. For a purpose in {@link OWN_ADDRESS}, it must be the user's own. */
  readonly address: string;
  /** Seconds. @default 10 minutes for `loginWithCode`, 30 minutes for `resetPassword`, otherwise 24 hours */
  readonly lifetime?: number;
}

const HOUR = 3600;

/** The lifetime of a token for each purpose, in seconds. */
const LIFETIMES: Readonly<Record<MailPurpose, number>> = {
  verifyEmail: 24 * HOUR,
  resetPassword: HOUR / 2,
  confirmEmailChange: 24 * HOUR,
  loginWithCode: HOUR / 6,
};

/** The purposes whose links let the reader of the mail log in as the user. */
const OWN_ADDRESS: readonly MailPurpose[] = ["resetPassword", "loginWithCode"];

/** A token that a client has sent. The purpose is the mutation that the client called. */
export interface GivenMailToken {
  readonly purpose: MailPurpose;
  readonly token: string;
}

/** What a token proves: the user received a mail at this address. */
export interface MailProof {
  readonly userId: string;
  readonly address: string;
}

/** The proof of a token that has just been used. */
export interface UsedMailToken extends MailProof {
  /**
   * Whether other users have registered with the same address, and have not confirmed it. A stranger may then have
   * created this user's account, and know its password.
   */
  readonly isContested: boolean;
}

/** Runs in the transaction that consumes a token. Returns a value for {@link UsedMailToken.isContested}. */
type ProofListener = (run: RunStatement, proof: MailProof) => Promise<boolean>;

/**
 * SQL condition: since the token was issued, the user's password and address have not changed, and the user was not
 * activated or deactivated.
 */
const IS_CURRENT = `EXISTS (SELECT 1 FROM "user" u WHERE u.id = mail_token.user_id
  AND u.credentials_version = mail_token.credentials_version
  AND u.email_key IS NOT DISTINCT FROM mail_token.email_key)`;

/**
 * SQL condition: the row belongs to a given token that is unused and current. {@link knownAs} returns the parameters.
 */
const IS_KNOWN = `token_hash = ? AND purpose = ? AND used_at IS NULL AND ${IS_CURRENT}`;

/**
 * The tokens of links in mails. A token works once, for one purpose, user and address. It stops working in these cases:
 * - The user gets a newer token for the same purpose.
 * - The user's password or address changes.
 * - The user is activated or deactivated.
 * - The lifetime of the token is over.
 */
export class MailTokens {
  readonly #sql: Sql;
  readonly #now: () => number;
  readonly #keys: readonly KeyObject[];
  readonly #listeners: ProofListener[] = [];

  /** @param keys the current key first, then the previous keys */
  constructor(sql: Sql, now: () => number, keys: readonly KeyObject[]) {
    this.#sql = sql;
    this.#now = now;
    this.#keys = keys;
  }

  /**
   * Issues a token, which replaces an older token of the same purpose and user.
   * @param run runs a statement of the caller's transaction
   * @returns the id of the token, for {@link OutgoingMail.tokenId}
   * @throws {@link BadUserInput} when the user does not exist, or `address` is not one e-mail address
   * @throws {@link BadUserInput} for a purpose in {@link OWN_ADDRESS}, when the user does not have the address
   * @throws {@link BadUserInput} for such a purpose, during the hold after an administrator has replaced the address
   * (see `ResetHolds`)
   */
  async issue(
    run: RunStatement,
    { purpose, userId, address, lifetime = LIFETIMES[purpose] }: NewMailToken,
  ): Promise<string> {
    const id = newId();
    const [key] = this.#keys;
    if (key === undefined) throw new TypeError("There is no key.");
    const isOwn = OWN_ADDRESS.includes(purpose);
    const now = this.#now();
    const issued = await run(
      `INSERT INTO mail_token (id, user_id, purpose, address, token_hash, email_key, credentials_version, expires_at)
       SELECT ?, u.id, ?, ?, ?, u.email_key, u.credentials_version, ? FROM "user" u
       WHERE u.id = ? AND (NOT ? OR u.email_key = ? AND NOT ${IS_HELD})
       ON CONFLICT (user_id, purpose) DO UPDATE SET id = excluded.id, address = excluded.address,
         token_hash = excluded.token_hash, email_key = excluded.email_key,
         credentials_version = excluded.credentials_version, expires_at = excluded.expires_at, used_at = NULL
       RETURNING id`,
      [
        ...[id, purpose, address, hashSecret(deriveToken(key, id)), now + lifetime * 1000],
        ...[userId, isOwn, requireNewEmail(address), now],
      ],
    );
    if (issued.length === 0) throw new BadUserInput("There is no such user with this address.");
    return id;
  }

  /**
   * Returns the user and the address of a token. Does not mark the token as used.
   * @throws {@link MailTokenExpired} when the token has expired
   * @throws {@link MailTokenNotValid} when the token does not work for another reason
   */
  async find(given: GivenMailToken): Promise<MailProof> {
    return this.#find((statement, parameters) => this.#sql.read(statement, parameters), given);
  }

  /**
   * Marks a token as used. Call this before the transaction changes the user, because a change makes the token invalid.
   * @param run runs a statement of the caller's transaction. If the transaction fails, the token works again.
   * @throws {@link MailTokenExpired} when the token has expired
   * @throws {@link MailTokenNotValid} when the token does not work for another reason
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

  /** @param listener called when a token is used, whatever its purpose, because every token proves an address */
  onProof(listener: ProofListener): void {
    this.#listeners.push(listener);
  }

  /**
   * Derives a token from its id, to put the token into a mail. The database contains only the hash of the token.
   * @returns null if the token no longer works
   */
  async derive(
    id: string,
    run: RunStatement = (...statement) => this.#sql.read(...statement),
  ): Promise<{ purpose: MailPurpose; token: string } | null> {
    const [row] = await run<{ purpose: MailPurpose; tokenHash: string }>(
      `SELECT purpose, token_hash AS "tokenHash" FROM mail_token
       WHERE id = ? AND used_at IS NULL AND expires_at > ? AND ${IS_CURRENT}`,
      [id, this.#now()],
    );
    if (row === undefined) return null;
    // Try all keys, because the root secret may have been replaced since the token was issued.
    const tokens = this.#keys.map((key) => deriveToken(key, id));
    const token = tokens.find((derived) => hashSecret(derived) === row.tokenHash);
    return token === undefined ? null : { purpose: row.purpose, token };
  }
}

/** Returns the parameters of {@link IS_KNOWN}. @throws {@link MailTokenNotValid} for a malformed token */
function knownAs({ purpose, token }: GivenMailToken): SqlValue[] {
  if (!isSecret(token)) throw new MailTokenNotValid();
  return [hashSecret(token), purpose];
}

/**
 * Returns the six digits that stand for a token. Digits can be guessed, so the caller must limit the tries.
 * @param token the token of a mail
 */
export function codeOf(token: string): string {
  const hash = createHash("sha256").update(`code:${token}`).digest();
  return String(hash.readUIntBE(0, 6) % 1_000_000).padStart(6, "0");
}

function deriveToken(key: KeyObject, id: string): string {
  return createHmac("sha256", key).update(`token:${id}`).digest("base64url");
}
