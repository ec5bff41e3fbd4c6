import type { EndedSessions, OutdatedEnding } from "../accounts/account-changes.js";
import { requireUser } from "../accounts/require-user.js";
import { idOf, type UserRef } from "../accounts/user-ref.js";
import type { AuthConfig } from "../config/auth-config.js";
import { type Client, type EndReason, NO_CLIENT } from "../events.js";
import type { RunStatement, Sql } from "../sql.js";
import type { VerifiedToken } from "../tokens/token-kinds.js";
import { LastUsed } from "./last-used.js";
import { IS_LIVE, liveAt } from "./live.js";
import type { Principal, SessionInfo } from "./principal.js";
import { type EndingQuery, SessionEnder } from "./session-ender.js";
import {
  type SessionCursor,
  SessionList,
  type SessionPage,
  type SessionQuery,
} from "./session-list.js";
import {
  type OpenedSession,
  type OpeningSettings,
  type SessionOpening,
  SessionOpener,
} from "./session-opener.js";
import { type FollowedKeys, SessionReader, type SessionRow } from "./session-reader.js";
import { type RotationSettings, SessionRotator } from "./session-rotator.js";
import type { SessionRef, Sessions } from "./sessions.js";

export type SessionSettings = OpeningSettings & RotationSettings;

export class SessionService implements Sessions {
  readonly #sql: Sql;
  readonly #settings: Pick<AuthConfig, "now" | "roles">;
  readonly #reader: SessionReader;
  readonly #opener: SessionOpener;
  readonly #rotator: SessionRotator;
  readonly #ender: SessionEnder;
  readonly #list: SessionList;
  readonly #lastUsed: LastUsed;

  constructor(sql: Sql, settings: SessionSettings, keys: FollowedKeys) {
    this.#sql = sql;
    this.#settings = settings;
    this.#reader = new SessionReader(sql, keys);
    this.#ender = new SessionEnder(sql, settings);
    this.#opener = new SessionOpener(sql, settings, this.#reader, this.#ender);
    this.#rotator = new SessionRotator(sql, settings, this.#reader, this.#ender);
    this.#list = new SessionList(sql, settings);
    this.#lastUsed = new LastUsed(sql, settings.now);
  }

  find(id: string): Promise<SessionRow | null> {
    return this.#reader.find(id);
  }

  open(user: UserRef, opening: SessionOpening): Promise<OpenedSession> {
    return this.#opener.open(user, opening);
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

  /** Returns the session of a refresh token that stays the session's current one. */
  async requireCurrent(token: VerifiedToken, client: Client): Promise<SessionRow> {
    const row = await this.#rotator.requireCurrent(token, client);
    this.#lastUsed.touch(row);
    return row;
  }

  /**
   * Records that the user of a session gave the password now. Two kinds of sessions never change: the session of a
   * static token, which a script may hold, and the session of an administrator who acts as the user.
   * @param credentialsVersion the user's `credentialsVersion` when the password was checked. If it has increased since,
   * nothing is recorded.
   * @returns the present time, in epoch milliseconds. Null if the session has not changed
   */
  async recordAuthentication(
    { id }: Pick<SessionInfo, "id">,
    credentialsVersion: number,
  ): Promise<number | null> {
    const at = this.#settings.now();
    const changed = await this.#sql.write(
      `UPDATE session SET authenticated_at = ?
       WHERE id = ? AND scheme <> 'TOKEN' AND impersonator_id IS NULL AND credentials_version = ? AND ${IS_LIVE} RETURNING id`,
      [at, id, credentialsVersion, ...liveAt(at, this.#settings.roles)],
    );
    return changed.length === 1 ? at : null;
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

  async endAll(user: UserRef, client: Client = NO_CLIENT): Promise<number> {
    const userId = idOf(user);
    const ended = await this.#ender.endAll(userId, client);
    if (ended === 0) await requireUser(this.#sql, userId);
    return ended;
  }

  /**
   * Ends all sign-ins of a user except one. Named tokens stay: they belong to scripts, not to devices.
   * @returns how many sessions this call ended
   */
  endOtherSignIns(kept: Principal, client: Client): Promise<number> {
    return this.#ender.endOtherSignIns(kept, client);
  }

  endMatching(query: EndingQuery, reason: EndReason): Promise<number> {
    return this.#ender.endMatching(query, reason, NO_CLIENT);
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

  touch(row: SessionRow): void {
    this.#lastUsed.touch(row);
  }

  async flush(): Promise<void> {
    await this.#lastUsed.flush();
  }
}
