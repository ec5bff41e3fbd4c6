import type { Role } from "../accounts/role.js";
import type { AuthConfig } from "../config/auth-config.js";
import type { Sql } from "../sql.js";
import { IS_LIVE, liveAt } from "./live.js";

/** Milliseconds from the end of one check to the start of the next. */
const INTERVAL = 500;
/** How many sessions one statement reads at most. A larger statement would delay other requests. */
const BATCH_SIZE = 1000;

/** A session that something depends on for a long time, such as an open subscription. */
export interface WatchedSession {
  readonly id: string;
  /** The user's role when the watch starts. Null if the role has not been read. */
  readonly role: Role | null;
  /** When the credential itself expires, in epoch milliseconds; null if only the session expires. */
  readonly expiresAt: number | null;
  /**
   * Called about every 500 ms while the session is not live or the credential has expired. Also called for each new
   * role, and by {@link SessionWatch.close}. Must not reject.
   */
  onChange(this: void): Promise<void>;
}

/**
 * Notices when a watched session ends or its user's role changes, even on another instance. Reads all watched sessions
 * together, and reads nothing while no session is watched.
 */
export class SessionWatch {
  readonly #sql: Sql;
  readonly #settings: Pick<AuthConfig, "now" | "roles">;
  /** Maps each session id to its watchers, and each watcher to the role that it last saw. */
  readonly #watched = new Map<string, Map<WatchedSession, Role | null>>();
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(sql: Sql, settings: Pick<AuthConfig, "now" | "roles">) {
    this.#sql = sql;
    this.#settings = settings;
  }

  /** Starts to watch a session. @returns a function that stops the watch */
  add(session: WatchedSession): () => void {
    const { id, role } = session;
    const ofSession = this.#watched.get(id) ?? new Map<WatchedSession, Role | null>();
    this.#watched.set(id, ofSession.set(session, role));
    this.#schedule();
    return () => {
      ofSession.delete(session);
      if (ofSession.size === 0 && this.#watched.get(id) === ofSession) this.#watched.delete(id);
    };
  }

  /** Stops the checks, and calls `onChange` of all watched sessions. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    for (const session of this.#all()) void session.onChange();
  }

  #all(): WatchedSession[] {
    return [...this.#watched.values()].flatMap((ofSession) => [...ofSession.keys()]);
  }

  #schedule(): void {
    if (this.#isClosed || this.#watched.size === 0) return;
    this.#timer ??= setTimeout(() => void this.#check(), INTERVAL).unref();
  }

  async #check(): Promise<void> {
    const ids = [...this.#watched.keys()];
    try {
      for (let start = 0; start < ids.length; start += BATCH_SIZE) {
        await this.#checkBatch(ids.slice(start, start + BATCH_SIZE));
      }
    } catch {
      // The database is unavailable. Wait for the next check. A subscription still ends at its next event, because that
      // event needs a check of its own.
    }
    this.#timer = undefined;
    this.#schedule();
  }

  async #checkBatch(ids: readonly string[]): Promise<void> {
    const { now, roles } = this.#settings;
    const rows = await this.#sql.readOnce<{ id: string; role: Role | null }>(
      `SELECT session.id, p.role FROM session LEFT JOIN profile p ON p.user_id = session.user_id
       WHERE session.id IN (${ids.map(() => "?").join(", ")}) AND ${IS_LIVE}`,
      [...ids, ...liveAt(now(), roles)],
    );
    const at = now();
    const changed: WatchedSession[] = [];
    const live = new Map(rows.map(({ id, role }) => [id, role ?? roles.lowest]));
    for (const id of ids) {
      const role = live.get(id);
      for (const [session, seen] of this.#watched.get(id) ?? []) {
        const isOver = role === undefined || (session.expiresAt ?? Infinity) <= at;
        if (!isOver && role === seen) continue;
        if (role !== undefined) this.#watched.get(id)?.set(session, role);
        changed.push(session);
      }
    }
    await Promise.all(changed.map((session) => session.onChange()));
  }
}
