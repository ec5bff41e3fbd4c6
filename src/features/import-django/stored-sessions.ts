import { NO_CLIENT } from "../../events.js";
import type { RunStatement, SqlValue } from "../../sql.js";
import type { CoreServices } from "../feature.js";
import type { Key } from "./key.js";
import { type IssuedToken, readStandings, type Standing } from "./openable-tokens.js";
import type { Counts } from "./report.js";
import { insertRows, selectIn } from "../../database/rows.js";
import { recordSeen } from "./seen-tokens.js";
import type { OutstandingToken } from "./token.js";
import type { ImportedUser, KnownUser } from "./users.js";

const COLUMNS = [
  ...["id", "user_id", "scheme", "secret_hash", "credentials_version", "generation"],
  ...["created_at", "rotated_at", "expires_at", "refresh_expires_at", "ended_at", "end_reason"],
];

interface EndedSession {
  readonly id: string;
  readonly userId: string;
  readonly expiresAt: number | null;
}

/**
 * Stores the keys and tokens of Django's users as sessions. If Django has deleted a key or blacklisted a token, its
 * session ends. A key or token gets no session if, for example, its user has a new password in Gatehouse.
 */
export class StoredSessions {
  readonly #core: CoreServices;
  readonly #sessionLifetime: number;
  readonly #counts: Counts;
  #ended: EndedSession[] = [];

  constructor(core: CoreServices, settings: { readonly sessionLifetime: number }, counts: Counts) {
    this.#core = core;
    this.#sessionLifetime = settings.sessionLifetime * 1000;
    this.#counts = counts;
  }

  /** Stores new keys. Ends the sessions of keys that Django no longer has, because Django deletes a key at logout. */
  async storeKeys(
    run: RunStatement,
    write: RunStatement,
    users: readonly ImportedUser[],
    known: ReadonlyMap<string, KnownUser>,
    keys: ReadonlyMap<string, Key>,
    newIds: ReadonlySet<string>,
  ): Promise<void> {
    const changed = users.filter(
      ({ djangoId, imported }) => (known.get(djangoId)?.imported?.key ?? null) !== imported.key,
    );
    const removed = changed.flatMap(({ djangoId }) => known.get(djangoId)?.imported?.key ?? []);
    this.#counts.keysEnded += await this.#end(run, write, removed);
    const current = changed.flatMap(({ djangoId, imported }) =>
      imported.key === null ? [] : (keys.get(djangoId) ?? []),
    );
    const standings = await readStandings(run, current);
    const openable = current.filter((key) => isOpenable(key, standings, newIds));
    const rows = openable.map(({ sessionId, userId, secretHash, createdAt }) => [
      ...[sessionId, userId, "TOKEN", secretHash],
      ...[standings.get(sessionId)?.credentialsVersion ?? 0, 0, createdAt, createdAt],
      ...[null, null, null, null],
    ]);
    await insertRows(write, {
      table: "session",
      columns: COLUMNS,
      rows,
      onConflict: "ON CONFLICT (id) DO NOTHING",
    });
    this.#counts.keysCreated += rows.length;
  }

  /**
   * Records the tokens, and stores a session for each new token that may get one. A new session of a blacklisted token
   * is stored as already ended. If such a token has an open session, that session ends.
   */
  async storeTokens(
    run: RunStatement,
    write: RunStatement,
    tokens: readonly OutstandingToken[],
    newIds: ReadonlySet<string>,
  ): Promise<void> {
    if (tokens.length === 0) return;
    const standings = await readStandings(run, tokens);
    const newlyBlacklisted = tokens.filter(({ sessionId, isBlacklisted }) => {
      const { hasSession, endedAt } = standings.get(sessionId) ?? {};
      return isBlacklisted && Boolean(hasSession) && endedAt === null;
    });
    this.#counts.tokensEnded += await this.#end(
      run,
      write,
      newlyBlacklisted.map(({ sessionId }) => sessionId),
    );
    const created = tokens.filter((token) => isOpenable(token, standings, newIds));
    await insertRows(write, {
      table: "session",
      columns: COLUMNS,
      rows: created.map((token) => this.#toRow(token, standings.get(token.sessionId))),
    });
    this.#counts.tokensCreated += created.length;
    const seen = tokens.map(({ outstandingId, ...token }) => ({
      ...token,
      outstandingId: token.isBlacklisted ? null : outstandingId,
    }));
    await recordSeen(
      write,
      seen.filter(({ sessionId, outstandingId }) => {
        const { hasUser, isSeen, outstandingId: before } = standings.get(sessionId) ?? {};
        return Boolean(hasUser) && !(isSeen && before === outstandingId);
      }),
    );
  }

  #toRow(token: OutstandingToken, standing: Standing | undefined): SqlValue[] {
    const { sessionId, userId, scheme, createdAt, expiresAt, isBlacklisted } = token;
    return [
      ...[
        sessionId,
        userId,
        scheme,
        null,
        standing?.credentialsVersion ?? 0,
        0,
        createdAt,
        createdAt,
      ],
      Math.max(createdAt + this.#sessionLifetime, expiresAt),
      expiresAt,
      isBlacklisted ? this.#core.now() : null,
      isBlacklisted ? "logout" : null,
    ];
  }

  /** Reports `session_ended` for the sessions that the last transaction has ended, except those that had expired. */
  reportEnded(): void {
    const now = this.#core.now();
    for (const { id: sessionId, userId, expiresAt } of this.#ended) {
      if (expiresAt !== null && expiresAt <= now) continue;
      const event = { type: "session_ended", userId, sessionId, reason: "logout" } as const;
      this.#core.onEvent(event, NO_CLIENT);
    }
    this.#ended = [];
  }

  /** Ends the sessions that have not ended yet. @returns how many sessions this call ended */
  async #end(run: RunStatement, write: RunStatement, ids: readonly string[]): Promise<number> {
    const open = await selectIn<EndedSession>(
      run,
      `SELECT id, user_id AS "userId", expires_at AS "expiresAt" FROM session
       WHERE ended_at IS NULL AND id IN`,
      ids,
    );
    const at = Math.trunc(this.#core.now());
    const { forUpdate } = this.#core.sql;
    await selectIn(
      (statement, values) => write(`${statement} ORDER BY id ${forUpdate}) RETURNING id`, values),
      `UPDATE session SET ended_at = ${at}, end_reason = 'logout' WHERE id IN (
         SELECT id FROM session WHERE ended_at IS NULL AND id IN`,
      open.map(({ id }) => id),
    );
    this.#ended.push(...open);
    return open.length;
  }
}

/**
 * Returns whether a key or token may get a session.
 * @param newIds the ids of users who count as stored, because a dry run does not store them
 */
function isOpenable(
  { sessionId, userId }: IssuedToken,
  standings: ReadonlyMap<string, Standing>,
  newIds: ReadonlySet<string>,
): boolean {
  const { hasUser, isOpenable: isAllowed } = standings.get(sessionId) ?? {};
  return hasUser ? Boolean(isAllowed) : newIds.has(userId);
}
