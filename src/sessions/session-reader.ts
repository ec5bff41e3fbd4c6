import DataLoader from "dataloader";
import type { Role } from "../accounts/role.js";
import type { EndReason } from "../events.js";
import { LISTED_KEYS } from "../keys/signing-key-store.js";
import type { SigningKeyService } from "../keys/signing-key.service.js";
import { BATCH_SIZES, MAX_BATCH_SIZE, padToBatch, type Sql } from "../sql.js";
import { IMPERSONATOR_ROLE } from "./impersonator-role.js";
import { PRINCIPAL_COLUMNS, PRINCIPAL_TABLES, type PrincipalRow } from "./principal.js";

/** A session with its user and role. To authenticate a request, Gatehouse usually reads only this row. */
export interface SessionRow extends PrincipalRow {
  readonly secretHash: string | null;
  readonly generation: number;
  readonly rotatedAt: number;
  readonly refreshExpiresAt: number | null;
  readonly endedAt: number | null;
  readonly endReason: EndReason | null;
  readonly credentialsVersion: number;
  readonly userCredentialsVersion: number;
  /** See {@link IMPERSONATOR_ROLE}. */
  readonly impersonatorRole: Role | null;
  /** The ids of the signing keys, such as `a1,b2`. When the keys change, this text changes. */
  readonly listedKeys: string | null;
}

export type FollowedKeys = Pick<SigningKeyService, "follow">;

/** @param added further columns, such as `, 1 AS "one"` */
const sessionRows = (size: number, added: string) => `
  SELECT ${PRINCIPAL_COLUMNS}${added}, secret_hash AS "secretHash", generation, rotated_at AS "rotatedAt",
    refresh_expires_at AS "refreshExpiresAt", ended_at AS "endedAt", end_reason AS "endReason",
    session.credentials_version AS "credentialsVersion", u.credentials_version AS "userCredentialsVersion",
    ${IMPERSONATOR_ROLE} AS "impersonatorRole", ${LISTED_KEYS} AS "listedKeys"
  FROM ${PRINCIPAL_TABLES}
  WHERE session.id IN (${Array(size).fill("?").join(", ")})`;

/**
 * Reads sessions by id. Combines the look-ups of one turn of the event loop. Also reloads the signing keys if another
 * process has changed them.
 */
export class SessionReader {
  readonly #sql: Sql;
  readonly #keys: FollowedKeys;
  readonly #rows: DataLoader<string, SessionRow | null>;
  #restriction: (() => string) | undefined;
  /**
   * The statements by their number of parameters. Created at the first look-up, after {@link SessionReader.restrictBy}.
   */
  #statements: ReadonlyMap<number, string> | undefined;

  constructor(sql: Sql, keys: FollowedKeys) {
    this.#sql = sql;
    this.#keys = keys;
    this.#rows = new DataLoader((ids) => this.#readRows(ids), {
      cache: false,
      maxBatchSize: MAX_BATCH_SIZE,
      batchScheduleFn: (run) => setImmediate(run),
    });
  }

  /**
   * Restricts the sessions that match a condition: their users must first add a second factor. Call this before the
   * first look-up.
   * @param condition returns an SQL condition without parameters over `session`, the user `u` and the Profile `p`
   */
  restrictBy(condition: () => string): void {
    this.#restriction = condition;
  }

  /** Returns the session with this id, even if the session has ended. */
  find(id: string): Promise<SessionRow | null> {
    return this.#rows.load(id);
  }

  async #readRows(ids: readonly string[]): Promise<(SessionRow | null)[]> {
    const padded = padToBatch(ids);
    const statement = (this.#statements ??= this.#createStatements()).get(padded.length) ?? "";
    const rows = await this.#sql.read<SessionRow>(statement, padded);
    if (rows[0] !== undefined) await this.#keys.follow(rows[0].listedKeys);
    const byId = new Map(rows.map((row) => [row.id, row]));
    return ids.map((id) => byId.get(id) ?? null);
  }

  #createStatements(): ReadonlyMap<number, string> {
    const condition = this.#restriction?.();
    const added =
      condition === undefined ? "" : `, CASE WHEN ${condition} THEN 1 ELSE 0 END AS "mustEnrol"`;
    return new Map(BATCH_SIZES.map((size) => [size, sessionRows(size, added)]));
  }
}
