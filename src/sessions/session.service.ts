import type { OutdatedEnding } from "../accounts/account-changes.js";
import { requireUser } from "../accounts/require-user.js";
import { idOf, type UserRef } from "../accounts/user-ref.js";
import type { AuthConfig } from "../config/auth-config.js";
import { type Client, type EndReason, NO_CLIENT } from "../events.js";
import type { RunStatement, Sql } from "../sql.js";
import type { VerifiedToken } from "../tokens/token-kinds.js";
import { LastUsed } from "./last-used.js";
import type { SessionInfo } from "./principal.js";
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

/** The settings of {@link SessionService}. */
export type SessionSettings = OpeningSettings & RotationSettings & Pick<AuthConfig, "roles">;

/** Opens, finds, rotates and ends sessions. Every change of a session is one conditional statement. */
export class SessionService implements Sessions {
  readonly #sql: Sql;
  readonly #reader: SessionReader;
  readonly #opener: SessionOpener;
  readonly #rotator: SessionRotator;
  readonly #ender: SessionEnder;
  readonly #list: SessionList;
  readonly #lastUsed: LastUsed;

  constructor(sql: Sql, settings: SessionSettings, keys: FollowedKeys) {
    this.#sql = sql;
    this.#reader = new SessionReader(sql, keys);
    this.#ender = new SessionEnder(sql, settings);
    this.#opener = new SessionOpener(sql, settings, this.#reader, this.#ender);
    this.#rotator = new SessionRotator(sql, settings, this.#reader, this.#ender);
    this.#list = new SessionList(sql, settings);
    this.#lastUsed = new LastUsed(sql, settings.now);
  }

  /** See {@link SessionReader.find}. */
  find(id: string): Promise<SessionRow | null> {
    return this.#reader.find(id);
  }

  /** See {@link SessionOpener.open}. */
  open(user: UserRef, opening: SessionOpening): Promise<OpenedSession> {
    return this.#opener.open(user, opening);
  }

  /** See {@link SessionOpener.openFirst}. */
  openFirst(user: UserRef, opening: SessionOpening): Promise<OpenedSession | null> {
    return this.#opener.openFirst(user, opening);
  }

  /** See {@link SessionOpener.openEnded}. */
  openEnded(user: UserRef, opening: SessionOpening): Promise<string> {
    return this.#opener.openEnded(user, opening);
  }

  /** See {@link SessionRotator.rotate}. */
  rotate(token: VerifiedToken, client: Client): Promise<SessionRow> {
    return this.#rotator.rotate(token, client);
  }

  /** See {@link SessionEnder.end}. By default, the session may belong to any user. */
  end(
    session: SessionRef,
    userId: string | null = null,
    reason: EndReason = "logout",
    client: Client = NO_CLIENT,
  ): Promise<boolean> {
    return this.#ender.end(session, userId, reason, client);
  }

  /**
   * Ends all open sessions of a user, except the session `exceptId`.
   * @param exceptId the id of a session to keep; null to end every session
   * @returns how many sessions this call ended
   * @throws {@link NoSuchUser} if the user does not exist and `exceptId` is null
   */
  async endAll(
    user: UserRef,
    exceptId: string | null = null,
    client: Client = NO_CLIENT,
  ): Promise<number> {
    const userId = idOf(user);
    const ended = await this.#ender.endAll(userId, exceptId, client);
    if (ended === 0 && exceptId === null) await requireUser(this.#sql, userId);
    return ended;
  }

  /** See {@link SessionEnder.endMatching}. */
  endMatching(query: EndingQuery, reason: EndReason): Promise<number> {
    return this.#ender.endMatching(query, reason, NO_CLIENT);
  }

  /** See {@link SessionEnder.endOutdated}. */
  endOutdated(run: RunStatement, userId: string, ending: OutdatedEnding): Promise<() => void> {
    return this.#ender.endOutdated(run, userId, ending);
  }

  async list(user: UserRef): Promise<readonly SessionInfo[]> {
    const userId = idOf(user);
    const sessions = await this.#list.ofUser(userId);
    if (sessions.length === 0) await requireUser(this.#sql, userId);
    return sessions;
  }

  /** See {@link SessionList.page}. */
  page(query: SessionQuery, first: number, after: SessionCursor | null): Promise<SessionPage> {
    return this.#list.page(query, first, after);
  }

  /**
   * Remembers that a session was used. The request itself writes nothing. A later statement writes the time, at most
   * once a minute for each session.
   */
  touch(row: SessionRow): void {
    this.#lastUsed.touch(row);
  }

  /** Writes the uses that {@link SessionService.touch} has remembered. */
  async flush(): Promise<void> {
    await this.#lastUsed.flush();
  }
}
