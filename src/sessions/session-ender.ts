import type { EndedSessions, OutdatedEnding } from "../accounts/user-sessions.js";
import { isId } from "../accounts/id.js";
import type { AuthConfig } from "../config/auth-config.js";
import { BadUserInput } from "../errors.js";
import type { Client, EndReason } from "../events.js";
import {
  type RunStatement,
  type SqlValue,
  type TransactionalSql,
  withoutTransaction,
} from "../sql.js";
import { type LimitedKind, LIMITED_KINDS } from "./limited-kind.js";
import { IS_OPEN, openAt } from "./live.js";
import { IS_NAMED_TOKEN } from "./named-token.js";
import type { Principal } from "./principal.js";
import type { SessionRef } from "./sessions.js";

/** How many open sessions of each kind a user may have. */
const MAX_SESSIONS = 100;
/** How many sessions one statement of `endMatching` or `endBeyondLimit` ends at most. */
const MAX_ENDED = 1000;

/** A filter of the sessions to end. A missing field matches every session. */
export interface EndingQuery {
  readonly userId?: string | undefined;
  /** Epoch milliseconds. */
  readonly createdBefore?: number | undefined;
}

/**
 * A function that runs before {@link SessionEnder.endAll}, {@link SessionEnder.endOtherSignIns} or
 * {@link SessionEnder.endMatching} ends sessions.
 * @param run runs a statement in the transaction that ends the sessions. {@link SessionEnder.endMatching} has no such
 * transaction, because it may end the sessions of all users.
 * @param ending matches the sessions that end. Some matching sessions may stay: `logoutOthers` keeps the caller's own
 * session and named tokens.
 */
export type EndingStep = (run: RunStatement, ending: EndingQuery) => Promise<unknown>;

export class SessionEnder {
  readonly #sql: TransactionalSql;
  readonly #settings: Pick<AuthConfig, "now" | "onEvent">;
  readonly #steps: EndingStep[] = [];

  constructor(sql: TransactionalSql, settings: Pick<AuthConfig, "now" | "onEvent">) {
    this.#sql = sql;
    this.#settings = settings;
  }

  addStep(step: EndingStep): void {
    this.#steps.push(step);
  }

  /**
   * Ends one open session.
   * @param userId the required owner of the session; null for any owner
   * @returns whether this call ended the session
   * @throws {@link BadUserInput} when `session` is malformed
   */
  async end(
    session: SessionRef,
    userId: string | null,
    reason: EndReason,
    client: Client,
  ): Promise<boolean> {
    const id = sessionIdOf(session);
    if (!isId(id)) return false;
    const owner = userId === null ? "" : "AND user_id = ?";
    const at = this.#settings.now();
    const ended = await this.#sql.write<{ userId: string }>(
      `UPDATE session SET ended_at = ?, end_reason = ?
       WHERE id = ? ${owner} AND ${IS_OPEN} RETURNING user_id AS "userId"`,
      [at, reason, id, ...(userId === null ? [] : [userId]), ...openAt(at)],
    );
    for (const { userId: ownerId } of ended) this.#reportEnd(ownerId, id, reason, client);
    return ended.length === 1;
  }

  /** @returns how many sessions this call ended */
  async endAll(userId: string, client: Client): Promise<number> {
    return this.#endWhere("1 = 1", userId, [], client);
  }

  /** Ends a user's sessions except the given one and named tokens. @returns how many sessions this call ended */
  async endOtherSignIns({ id: userId, session }: Principal, client: Client): Promise<number> {
    return this.#endWhere(`id <> ? AND NOT ${IS_NAMED_TOKEN}`, userId, [session.id], client);
  }

  async #endWhere(
    condition: string,
    userId: string,
    parameters: readonly string[],
    client: Client,
  ): Promise<number> {
    const at = this.#settings.now();
    const statement = `
      UPDATE session SET ended_at = ?, end_reason = 'logout' WHERE id IN (
        SELECT id FROM session WHERE user_id = ? AND ${condition} AND ${IS_OPEN}
        ORDER BY id ${this.#sql.forUpdate}) RETURNING id`;
    const values: SqlValue[] = [at, userId, ...parameters, ...openAt(at)];
    const ended = await this.#afterSteps({ userId }, (run) =>
      run<{ id: string }>(statement, values),
    );
    for (const { id } of ended) this.#reportEnd(userId, id, "logout", client);
    return ended.length;
  }

  /** Runs the steps and `end` in one transaction. Without steps, no transaction is needed. */
  async #afterSteps<Result>(
    ending: EndingQuery,
    end: (run: RunStatement) => Promise<Result>,
  ): Promise<Result> {
    if (this.#steps.length === 0) return end(withoutTransaction(this.#sql));
    return this.#sql.inTransaction(async (run) => {
      for (const step of this.#steps) await step(run, ending);
      return end(run);
    });
  }

  /**
   * Ends the matching open sessions, up to 1000 with each statement.
   * @returns how many sessions this call ended
   */
  async endMatching(query: EndingQuery, reason: EndReason, client: Client): Promise<number> {
    // Use no transaction, because the query may match all users, and a transaction has a time limit.
    for (const step of this.#steps) await step(withoutTransaction(this.#sql), query);
    const { userId, createdBefore } = query;
    const ofUser = userId === undefined ? "" : "AND user_id = ?";
    const before = createdBefore === undefined ? "" : "AND created_at < ?";
    const values = [userId, createdBefore].filter((value) => value !== undefined);
    let count = 0;
    // Continue after the last ended session. Otherwise each statement would read all the sessions that have ended again.
    let last = "";
    for (;;) {
      const at = this.#settings.now();
      const ended = await this.#sql.write<{ id: string; userId: string }>(
        `UPDATE session SET ended_at = ?, end_reason = ?
         WHERE id IN (
           SELECT id FROM session WHERE id > ? AND ${IS_OPEN} ${ofUser} ${before}
           ORDER BY id LIMIT ${MAX_ENDED} ${this.#sql.forUpdate})
         RETURNING id, user_id AS "userId"`,
        [at, reason, last, ...openAt(at), ...values],
      );
      for (const { id, userId: ownerId } of ended) this.#reportEnd(ownerId, id, reason, client);
      count += ended.length;
      if (ended.length === 0 && last === "") return count;
      // After the last id, begin again, because sessions may have been opened meanwhile.
      last = ended.reduce((largest, { id }) => (id > largest ? id : largest), "");
    }
  }

  /**
   * Ends a user's sessions that were opened before the last change of `credentialsVersion`.
   * @param run runs a statement in the transaction that raises the user's `credentialsVersion` by one
   * @param ending `keep` is the id of a session that must not end
   */
  async endOutdated(
    run: RunStatement,
    userId: string,
    { reason, keep = null }: OutdatedEnding,
  ): Promise<EndedSessions> {
    const at = this.#settings.now();
    // Change the kept session in the same statement. With two statements, this transaction and a `logoutAll` could wait
    // for each other.
    const changed = await run<{
      id: string;
      expiresAt: number | null;
      refreshExpiresAt: number | null;
    }>(
      `UPDATE session SET
         credentials_version = credentials_version + CASE WHEN id = ? THEN 1 ELSE 0 END,
         ended_at = CASE WHEN id = ? THEN NULL ELSE CAST(? AS BIGINT) END,
         end_reason = CASE WHEN id = ? THEN NULL ELSE ? END
       WHERE id IN (
         SELECT id FROM session WHERE user_id = ? AND ended_at IS NULL
           AND credentials_version < (SELECT credentials_version FROM "user" WHERE id = session.user_id)
         ORDER BY id ${this.#sql.forUpdate})
       RETURNING id, expires_at AS "expiresAt", refresh_expires_at AS "refreshExpiresAt"`,
      [keep, keep, at, keep, reason, userId],
    );
    const open = changed.filter(
      ({ id, expiresAt, refreshExpiresAt }) =>
        id !== keep && (expiresAt ?? Infinity) > at && (refreshExpiresAt ?? Infinity) > at,
    );
    return {
      count: open.length,
      events: open.map(({ id }) => ({ type: "session_ended", userId, sessionId: id, reason })),
    };
  }

  /**
   * Keeps a user's 100 newest open sessions of a kind, and ends up to 1000 older ones.
   * @returns the ended sessions. The caller reports them with {@link SessionEnder.reportBeyondLimit} after the commit.
   */
  async endBeyondLimit(run: RunStatement, userId: string, kind: LimitedKind): Promise<string[]> {
    const at = this.#settings.now();
    const ended = await run<{ id: string }>(
      `UPDATE session SET ended_at = ?, end_reason = 'limit'
       WHERE ended_at IS NULL AND id IN (
         SELECT id FROM session WHERE id IN (
           SELECT id FROM session WHERE user_id = ? AND ${LIMITED_KINDS[kind]} AND ${IS_OPEN}
           ORDER BY created_at DESC, id DESC LIMIT ${MAX_ENDED} OFFSET ${MAX_SESSIONS})
         ORDER BY id ${this.#sql.forUpdate}) RETURNING id`,
      [at, userId, ...openAt(at)],
    );
    return ended.map(({ id }) => id);
  }

  reportBeyondLimit(userId: string, sessionIds: readonly string[], client: Client): void {
    for (const id of sessionIds) this.#reportEnd(userId, id, "limit", client);
  }

  /** Publishes `session_ended`, but not after a reused token, which has its own event `token_reused`. */
  #reportEnd(userId: string, sessionId: string, reason: EndReason, client: Client): void {
    if (reason === "reused") return;
    this.#settings.onEvent({ type: "session_ended", userId, sessionId, reason }, client);
  }
}

function sessionIdOf(session: SessionRef): string {
  const given: unknown = session;
  const id = typeof given === "object" && given !== null && "id" in given ? given.id : given;
  if (typeof id !== "string") throw new BadUserInput("session must be a session or its id.");
  return id;
}
