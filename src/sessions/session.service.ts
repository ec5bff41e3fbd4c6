import type { EndedSessions, OutdatedEnding } from "../accounts/user-sessions.js";
import { requireUser } from "../accounts/require-user.js";
import { idOf, type UserRef } from "../accounts/user-ref.js";
import type { AuthConfig } from "../config/auth-config.js";
import { type Client, type EndReason, NO_CLIENT } from "../events.js";
import { type RunStatement, type TransactionalSql, withoutTransaction } from "../sql.js";
import type { VerifiedToken } from "../tokens/token-kinds.js";
import { TokenRevoked } from "./errors.js";
import { LastUsed } from "./last-used.js";
import type { LimitedKind } from "./limited-kind.js";
import { IS_LIVE, liveAt } from "./live.js";
import { ADD_METHODS, type AuthMethod, methodsToAdd } from "./methods.js";
import type { Principal, SessionInfo } from "./principal.js";
import { type EndingQuery, type EndingStep, SessionEnder } from "./session-ender.js";
import {
  type SessionCursor,
  SessionList,
  type SessionPage,
  type SessionQuery,
} from "./session-list.js";
import {
  type InsertedSession,
  type OpenedSession,
  type OpeningSettings,
  type SessionOpening,
  SessionOpener,
} from "./session-opener.js";
import { type FollowedKeys, SessionReader, type SessionRow } from "./session-reader.js";
import { type RotationSettings, SessionRotator } from "./session-rotator.js";
import { SessionWatch, type WatchedSession } from "./session-watch.js";
import type { SessionRef, Sessions } from "./sessions.js";

export type SessionSettings = OpeningSettings & RotationSettings;

export class SessionService implements Sessions {
  readonly #sql: TransactionalSql;
  readonly #settings: Pick<AuthConfig, "now" | "roles">;
  readonly #reader: SessionReader;
  readonly #opener: SessionOpener;
  readonly #rotator: SessionRotator;
  readonly #ender: SessionEnder;
  readonly #list: SessionList;
  readonly #lastUsed: LastUsed;
  readonly #watch: SessionWatch;

  constructor(sql: TransactionalSql, settings: SessionSettings, keys: FollowedKeys) {
    this.#sql = sql;
    this.#settings = settings;
    this.#reader = new SessionReader(sql, keys);
    this.#ender = new SessionEnder(sql, settings);
    this.#opener = new SessionOpener(sql, settings, this.#reader, this.#ender);
    this.#rotator = new SessionRotator(sql, settings, this.#reader, this.#ender);
    this.#list = new SessionList(sql, settings);
    this.#lastUsed = new LastUsed(sql, settings.now);
    this.#watch = new SessionWatch(sql, settings);
  }

  /** See {@link SessionReader.restrictBy}. */
  restrictBy(condition: () => string): void {
    this.#reader.restrictBy(condition);
  }

  find(id: string): Promise<SessionRow | null> {
    return this.#reader.find(id);
  }

  open(user: UserRef, opening: SessionOpening): Promise<OpenedSession> {
    return this.#opener.open(user, opening);
  }

  /** @see SessionOpener.insert */
  insert(run: RunStatement, user: UserRef, opening: SessionOpening): Promise<InsertedSession> {
    return this.#opener.insert(run, user, opening);
  }

  /** @see SessionOpener.finish */
  finish(inserted: InsertedSession): Promise<OpenedSession> {
    return this.#opener.finish(inserted);
  }

  openFirst(user: UserRef, opening: SessionOpening): Promise<OpenedSession | null> {
    return this.#opener.openFirst(user, opening);
  }

  openEnded(user: UserRef, opening: SessionOpening): Promise<string> {
    return this.#opener.openEnded(user, opening);
  }

  rotate(token: VerifiedToken, client: Client): Promise<SessionRow> {
    return this.#rotator.rotate(token, client);
  }

  /** Does the same checks as {@link SessionService.rotate} for a refresh token, but does not rotate the session. */
  async requireCurrent(token: VerifiedToken, client: Client): Promise<SessionRow> {
    const row = await this.#rotator.requireCurrent(token, client);
    this.#lastUsed.touch(row);
    return row;
  }

  /**
   * Records that the user of a session has just proved again who they are. Does not change the session of a static
   * token, or of an administrator who acts as the user.
   * @param credentialsVersion the user's `credentialsVersion` when the proof was checked. If it has changed since,
   * nothing is recorded.
   * @param added methods to add to the session. With `mfa`, the user has just proved a second factor. @default no
   * methods
   * @param run runs a statement of the caller's transaction. @default no transaction
   * @returns the current time in epoch milliseconds; null if nothing was recorded
   */
  async recordAuthentication(
    { id }: Pick<SessionInfo, "id">,
    credentialsVersion: number,
    added: readonly AuthMethod[] = [],
    run: RunStatement = withoutTransaction(this.#sql),
  ): Promise<number | null> {
    const at = this.#settings.now();
    const changed = await run(
      `UPDATE session SET authenticated_at = ?, second_factor_at = COALESCE(?, second_factor_at), ${ADD_METHODS}
       WHERE id = ? AND scheme <> 'TOKEN' AND impersonator_id IS NULL AND credentials_version = ? AND ${IS_LIVE} RETURNING id`,
      [
        ...[at, added.includes("mfa") ? at : null, ...methodsToAdd(added)],
        ...[id, credentialsVersion, ...liveAt(at, this.#settings.roles)],
      ],
    );
    return changed.length === 1 ? at : null;
  }

  /**
   * Requires that the session of a request has not ended since the request began. Call this in the transaction that
   * removes a way to log in. The session then cannot end before the transaction ends.
   * @throws {@link TokenRevoked}
   */
  async requireLive({ id }: Pick<SessionInfo, "id">, run: RunStatement): Promise<void> {
    const values = [id, ...liveAt(this.#settings.now(), this.#settings.roles)];
    const live = await run(
      `UPDATE session SET id = id WHERE id = ? AND ${IS_LIVE} RETURNING id`,
      values,
    );
    if (live.length === 0) throw new TokenRevoked();
  }

  /** @param userId the required owner of the session; null for any owner */
  end(
    session: SessionRef,
    userId: string | null = null,
    reason: EndReason = "logout",
    client: Client = NO_CLIENT,
  ): Promise<boolean> {
    return this.#ender.end(session, userId, reason, client);
  }

  /**
   * Adds a function that runs before {@link SessionService.endAll}, {@link SessionService.endOtherSignIns} and
   * {@link SessionService.endMatching} end sessions. In this function, a feature can revoke tokens that have no session
   * yet.
   */
  addEndingStep(step: EndingStep): void {
    this.#ender.addStep(step);
  }

  async endAll(user: UserRef, client: Client = NO_CLIENT): Promise<number> {
    const userId = idOf(user);
    const ended = await this.#ender.endAll(userId, client);
    if (ended === 0) await requireUser(this.#sql, userId);
    return ended;
  }

  /**
   * Ends all sessions of a user, except the given session and named tokens. Named tokens stay, because they belong to
   * scripts.
   * @returns how many sessions this call ended
   */
  endOtherSignIns(kept: Principal, client: Client): Promise<number> {
    return this.#ender.endOtherSignIns(kept, client);
  }

  endMatching(query: EndingQuery, reason: EndReason): Promise<number> {
    return this.#ender.endMatching(query, reason, NO_CLIENT);
  }

  /** Ends the oldest open sessions of a kind if the user has more than 100 of that kind. */
  async endBeyondLimit(userId: string, kind: LimitedKind): Promise<void> {
    const ended = await this.#ender.endBeyondLimit(withoutTransaction(this.#sql), userId, kind);
    this.#ender.reportBeyondLimit(userId, ended, NO_CLIENT);
  }

  endOutdated(run: RunStatement, userId: string, ending: OutdatedEnding): Promise<EndedSessions> {
    return this.#ender.endOutdated(run, userId, ending);
  }

  async list(user: UserRef): Promise<readonly SessionInfo[]> {
    const userId = idOf(user);
    const sessions = await this.#list.ofUser(userId);
    if (sessions.length === 0) await requireUser(this.#sql, userId);
    return sessions;
  }

  page(query: SessionQuery, first: number, after: SessionCursor | null): Promise<SessionPage> {
    return this.#list.page(query, first, after);
  }

  /** See {@link SessionWatch.add}. */
  watch(session: WatchedSession): () => void {
    return this.#watch.add(session);
  }

  /**
   * Ends all watches. Each watcher checks its session once more. Call this after the database was closed, so that these
   * checks fail and the subscriptions end.
   */
  endWatch(): void {
    this.#watch.close();
  }

  touch(row: SessionRow): void {
    this.#lastUsed.touch(row);
  }

  async flush(): Promise<void> {
    await this.#lastUsed.flush();
  }
}
