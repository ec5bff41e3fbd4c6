import { NO_CLIENT } from "../../events.js";
import type { RunStatement, SqlValue } from "../../sql.js";
import type { CoreServices } from "../feature.js";
import type { Key } from "./key.js";
import type { Counts } from "./report.js";
import { insertRows, selectIn } from "./rows.js";
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
 * Stores the tokens of Django's users as sessions. A token that has ended in Django ends here, too. Tokens of users whose
 * password was changed here, or who were deactivated, are not stored: they would be refused.
 */
export class StoredSessions {
  readonly #core: CoreServices;
  /** In milliseconds. */
  readonly #sessionLifetime: number;
  readonly #counts: Counts;
  #ended: EndedSession[] = [];

  constructor(core: CoreServices, settings: { readonly sessionLifetime: number }, counts: Counts) {
    this.#core = core;
    this.#sessionLifetime = settings.sessionLifetime * 1000;
    this.#counts = counts;
  }

  /** Stores new keys. Ends the sessions of keys that Django no longer has: it deletes a key at logout. */
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
    const accepting = await this.#findAccepting(run, changed, newIds);
    const rows = changed.flatMap(({ id, djangoId }) => {
      const key = keys.get(djangoId);
      if (key === undefined || !accepting.has(id)) return [];
      const { sessionId, secretHash, createdAt } = key;
      return [
        [sessionId, id, "TOKEN", secretHash, 0, 0, createdAt, createdAt, null, null, null, null],
      ];
    });
    await insertRows(write, {
      table: "session",
      columns: COLUMNS,
      rows,
      onConflict: "ON CONFLICT (id) DO NOTHING",
    });
    this.#counts.keysCreated += rows.length;
  }

  /** Stores new tokens of simplejwt: a blacklisted one as a session that has ended. Ends those blacklisted since. */
  async storeTokens(
    run: RunStatement,
    write: RunStatement,
    tokens: readonly OutstandingToken[],
    newIds: ReadonlySet<string>,
  ): Promise<void> {
    if (tokens.length === 0) return;
    const stored = await this.#findStored(run, tokens);
    const blacklisted = tokens.filter(({ isBlacklisted }) => isBlacklisted);
    const since = blacklisted.filter(({ sessionId }) => stored.get(sessionId)?.endedAt === null);
    this.#counts.tokensEnded += await this.#end(
      run,
      write,
      since.map(({ sessionId }) => sessionId),
    );
    const owners = [...new Set(tokens.map(({ userId }) => userId))].map((id) => ({ id }));
    const accepting = await this.#findAccepting(run, owners, newIds);
    const created = tokens.filter(
      ({ sessionId, userId }) => !stored.has(sessionId) && accepting.has(userId),
    );
    await insertRows(write, {
      table: "session",
      columns: COLUMNS,
      rows: created.map((token) => this.#toRow(token)),
    });
    this.#counts.tokensCreated += created.length;
    // A token that the server has met before the import has no outstanding id yet.
    const unnamed = tokens.filter(
      ({ sessionId, isBlacklisted }) =>
        !isBlacklisted && stored.get(sessionId)?.outstandingId === null,
    );
    await insertRows(write, {
      table: "django_token",
      columns: ["session_id", "jti", "outstanding_id"],
      rows: [...created, ...unnamed, ...since].map(
        ({ sessionId, jti, outstandingId, isBlacklisted }) => [
          ...[sessionId, jti, isBlacklisted ? null : outstandingId],
        ],
      ),
      onConflict: "ON CONFLICT (session_id) DO UPDATE SET outstanding_id = excluded.outstanding_id",
    });
  }

  #toRow(token: OutstandingToken): SqlValue[] {
    const { sessionId, userId, scheme, createdAt, expiresAt, isBlacklisted } = token;
    return [
      ...[sessionId, userId, scheme, null, 0, 0, createdAt, createdAt],
      Math.max(createdAt + this.#sessionLifetime, expiresAt),
      expiresAt,
      isBlacklisted ? this.#core.now() : null,
      isBlacklisted ? "logout" : null,
    ];
  }

  /** Publishes `session_ended` for the sessions that the last transaction has ended. */
  reportEnded(): void {
    const now = this.#core.now();
    for (const { id: sessionId, userId, expiresAt } of this.#ended) {
      if (expiresAt !== null && expiresAt <= now) continue;
      const event = { type: "session_ended", userId, sessionId, reason: "logout" } as const;
      this.#core.onEvent(event, NO_CLIENT);
    }
    this.#ended = [];
  }

  /** @returns how many of the sessions were open */
  async #end(run: RunStatement, write: RunStatement, ids: readonly string[]): Promise<number> {
    const open = await selectIn<EndedSession>(
      run,
      `SELECT id, user_id AS "userId", expires_at AS "expiresAt" FROM session
       WHERE ended_at IS NULL AND id IN`,
      ids,
    );
    const at = Math.trunc(this.#core.now());
    await selectIn(
      (statement, values) => write(`${statement} RETURNING id`, values),
      `UPDATE session SET ended_at = ${at}, end_reason = 'logout' WHERE ended_at IS NULL AND id IN`,
      open.map(({ id }) => id),
    );
    this.#ended.push(...open);
    return open.length;
  }

  async #findStored(
    run: RunStatement,
    tokens: readonly OutstandingToken[],
  ): Promise<Map<string, { endedAt: number | null; outstandingId: string | null }>> {
    const rows = await selectIn<{
      id: string;
      endedAt: number | null;
      outstandingId: string | null;
    }>(
      run,
      `SELECT id, ended_at AS "endedAt", outstanding_id AS "outstandingId"
       FROM session LEFT JOIN django_token ON session_id = id WHERE id IN`,
      tokens.map(({ sessionId }) => sessionId),
    );
    return new Map(rows.map(({ id, ...row }) => [id, row]));
  }

  /**
   * Returns the ids of those users whose tokens from Django are accepted.
   * @param newIds the users whom this batch has added. A dry run has not stored them.
   */
  async #findAccepting(
    run: RunStatement,
    users: readonly { readonly id: string }[],
    newIds: ReadonlySet<string>,
  ): Promise<Set<string>> {
    const stored = await selectIn<{ id: string }>(
      run,
      `SELECT id FROM "user" WHERE credentials_version = 0 AND id IN`,
      users.map(({ id }) => id).filter((id) => !newIds.has(id)),
    );
    return new Set([...newIds, ...stored.map(({ id }) => id)]);
  }
}
