import { randomBytes } from "node:crypto";
import { newId } from "../../accounts/id.js";
import type { AuthMethod } from "../../sessions/methods.js";
import { HAS_SESSION, openAt } from "../../sessions/live.js";
import type { RunStatement } from "../../sql.js";
import type { CoreServices } from "../feature.js";

/** How many passkeys a user can have. */
export const MAX_PASSKEYS = 10;

/** A stored passkey, without its public key. Instants are epoch milliseconds. */
export interface Passkey {
  readonly id: string;
  /** In base64url. */
  readonly credentialId: string;
  readonly label: string;
  /** The ways to reach the authenticator, such as `internal`. */
  readonly transports: readonly string[];
  /** Whether the key may be on several devices. */
  readonly isSynced: boolean;
  readonly isBackedUp: boolean;
  readonly createdAt: number;
  readonly lastUsedAt: number | null;
}

/** A passkey and its owner, with the values that check an answer of the passkey. */
export interface OwnedPasskey extends Pick<Passkey, "id" | "credentialId" | "isSynced"> {
  readonly userId: string;
  /** The user's `credentialsVersion`. */
  readonly credentialsVersion: number;
  /** The handle by which authenticators know the owner, in base64url. */
  readonly userHandle: string;
  /** A COSE_Key in base64url. */
  readonly publicKey: string;
}

/** The values that the authenticator reports at each use. */
export interface PasskeyUse {
  readonly counter: number;
  readonly isBackedUp: boolean;
}

/** A passkey that an authenticator has made. */
export interface NewCredential extends PasskeyUse {
  /** In base64url. */
  readonly id: string;
  /** A COSE_Key in base64url. */
  readonly publicKey: string;
  readonly transports: readonly string[];
  readonly isSynced: boolean;
}

/** A passkey to store for the user of a session. */
export interface NewPasskey {
  readonly userId: string;
  readonly sessionId: string;
  readonly label: string;
  readonly credential: NewCredential;
}

interface Row extends Omit<Passkey, "transports" | "isSynced" | "isBackedUp"> {
  readonly transports: string;
  readonly isSynced: boolean | number;
  readonly isBackedUp: boolean | number;
}

const COLUMNS = `id, credential_id AS "credentialId", label, transports, is_synced AS "isSynced",
  is_backed_up AS "isBackedUp", created_at AS "createdAt", last_used_at AS "lastUsedAt"`;

/** The passkeys in the database. */
export class StoredPasskeys {
  readonly #core: Pick<CoreServices, "now" | "signInMethods" | "sql">;

  constructor(core: Pick<CoreServices, "now" | "signInMethods" | "sql">) {
    this.#core = core;
    core.signInMethods.add(
      "(SELECT count(*) FROM passkey WHERE passkey.user_id = u.id)",
      (run, userId) => run("DELETE FROM passkey WHERE user_id = ? RETURNING id", [userId]),
    );
  }

  /** Returns a user's passkeys, oldest first. */
  async list(userId: string): Promise<readonly Passkey[]> {
    const rows = await this.#core.sql.read<Row>(
      `SELECT ${COLUMNS} FROM passkey WHERE user_id = ? ORDER BY created_at, id`,
      [userId],
    );
    return rows.map(toPasskey);
  }

  async find(credentialId: string): Promise<OwnedPasskey | null> {
    const [found] = await this.#core.sql.read<
      Omit<OwnedPasskey, "isSynced"> & Pick<Row, "isSynced">
    >(
      `SELECT passkey.id, credential_id AS "credentialId", public_key AS "publicKey", is_synced AS "isSynced",
         passkey.user_id AS "userId", credentials_version AS "credentialsVersion", handle AS "userHandle"
       FROM passkey JOIN "user" ON "user".id = passkey.user_id
         JOIN passkey_user ON passkey_user.user_id = passkey.user_id
       WHERE credential_id = ?`,
      [credentialId],
    );
    return found === undefined ? null : { ...found, isSynced: Boolean(found.isSynced) };
  }

  /** Returns the handle by which authenticators know a user. Creates it on first use. @see WebAuthn 14.6.1 */
  async handleOf(userId: string): Promise<string> {
    const { sql } = this.#core;
    const [stored] = await sql.read<{ handle: string }>(
      `SELECT handle FROM passkey_user WHERE user_id = ?`,
      [userId],
    );
    if (stored !== undefined) return stored.handle;
    // If two requests create a handle at once, both return the handle that was stored first.
    const [row] = await sql.write<{ handle: string }>(
      `INSERT INTO passkey_user (user_id, handle) SELECT id, ? FROM "user" WHERE id = ?
       ON CONFLICT (user_id) DO UPDATE SET handle = passkey_user.handle RETURNING handle`,
      [randomBytes(64).toString("base64url"), userId],
    );
    return row?.handle ?? "";
  }

  /**
   * @param run runs a statement in an exclusive transaction
   * @returns null, for example, if the passkey is already registered, the session has ended, or the user already has
   * {@link MAX_PASSKEYS}
   */
  async add(
    run: RunStatement,
    { userId, sessionId, label, credential }: NewPasskey,
  ): Promise<Passkey | null> {
    const now = this.#core.now();
    const { id, publicKey, counter, transports, isSynced, isBackedUp } = credential;
    const [added] = await run<Row>(
      `INSERT INTO passkey (id, user_id, credential_id, public_key, counter, transports, is_synced, is_backed_up, label,
         created_at)
       SELECT ?, id, ?, ?, ?, ?, ?, ?, ?, ? FROM "user" WHERE id = ? AND is_active
         AND (SELECT count(*) FROM passkey p WHERE p.user_id = "user".id) < ${MAX_PASSKEYS} AND ${HAS_SESSION}
       ON CONFLICT (credential_id) DO NOTHING RETURNING ${COLUMNS}`,
      [
        ...[newId(), id, publicKey, counter, transports.join(" "), isSynced, isBackedUp, label],
        ...[now, userId, sessionId, ...openAt(now)],
      ],
    );
    return added === undefined ? null : toPasskey(added);
  }

  /** @returns null if the user has no such passkey */
  async rename(userId: string, id: string, label: string): Promise<Passkey | null> {
    const [renamed] = await this.#core.sql.write<Row>(
      `UPDATE passkey SET label = ? WHERE id = ? AND user_id = ? RETURNING ${COLUMNS}`,
      [label, id, userId],
    );
    return renamed === undefined ? null : toPasskey(renamed);
  }

  /**
   * @param run runs a statement in an exclusive transaction. Otherwise two calls at once could leave no way to log in
   * @returns null if the user has no such passkey, or has no other way to log in
   */
  async remove(run: RunStatement, userId: string, id: string): Promise<Passkey | null> {
    const [removed] = await run<Row>(
      `DELETE FROM passkey WHERE id = ? AND user_id = ?
         AND ${this.#core.signInMethods.countOf("passkey.user_id")} > 1 RETURNING ${COLUMNS}`,
      [id, userId],
    );
    return removed === undefined ? null : toPasskey(removed);
  }

  /**
   * Removes all passkeys of a user who has another way to log in.
   * @param run runs a statement in an exclusive transaction
   * @returns whether passkeys were removed
   */
  async removeAll(run: RunStatement, userId: string): Promise<boolean> {
    const removed = await run(
      `DELETE FROM passkey WHERE user_id = ? AND ${this.#core.signInMethods.countOf("passkey.user_id")} >
         (SELECT count(*) FROM passkey p WHERE p.user_id = passkey.user_id) RETURNING id`,
      [userId],
    );
    return removed.length > 0;
  }

  /** @param run runs a statement of a transaction */
  async isFull(run: RunStatement, userId: string): Promise<boolean> {
    const rows = await run(`SELECT id FROM passkey WHERE user_id = ?`, [userId]);
    return rows.length >= MAX_PASSKEYS;
  }

  /** @param run runs a statement of a transaction */
  async isKnown(run: RunStatement, credentialId: string): Promise<boolean> {
    const rows = await run(`SELECT id FROM passkey WHERE credential_id = ?`, [credentialId]);
    return rows.length > 0;
  }

  /**
   * Records a use of a passkey.
   * @returns false if the passkey was removed, or its signature counter has not risen since the last use. If the
   * counter has not risen, there may be a copy of the key. A counter that stays 0 is accepted, because some
   * authenticators do not count
   * @see WebAuthn 6.1.1
   */
  async recordUse(id: string, { counter, isBackedUp }: PasskeyUse): Promise<boolean> {
    const recorded = await this.#core.sql.write(
      `UPDATE passkey SET counter = ?, is_backed_up = ?, last_used_at = ? WHERE id = ? AND counter < ? RETURNING id`,
      [counter, isBackedUp, this.#core.now(), id, Math.max(counter, 1)],
    );
    return recorded.length === 1;
  }
}

/** Returns the authentication methods that an answer of the passkey proves, without `mfa`. @see RFC 8176 2 */
export function methodsOf({ isSynced }: Pick<Passkey, "isSynced">): readonly AuthMethod[] {
  return [isSynced ? "swk" : "hwk", "user"];
}

function toPasskey(row: Row): Passkey {
  return {
    ...row,
    transports: row.transports === "" ? [] : row.transports.split(" "),
    isSynced: Boolean(row.isSynced),
    isBackedUp: Boolean(row.isBackedUp),
  };
}
