import DataLoader from "dataloader";
import type { Account } from "../accounts/account.service.js";
import type { AuthConfig } from "../config/auth-config.js";
import { BadUserInput, TokenExpired, TokenNotValid, TokenReused, UserNotFound } from "../errors.js";
import { type AuthScheme, type Client, NO_CLIENT } from "../events.js";
import type { Sql } from "../sql.js";
import type { RotatingClaims } from "../tokens/rotating-token.js";
import { findRefusal, PRINCIPAL_COLUMNS, PRINCIPAL_TABLES, type SessionRow } from "./principal.js";
import type { EndReason } from "./session.entity.js";
import { IS_LIVE, IS_OPEN, isOpenAt } from "./live.js";
import { LastUsed } from "./last-used.js";

/** What a login decides about its session. */
export interface SessionOpening {
  readonly id: string;
  readonly scheme: AuthScheme;
  readonly label: string | null;
  readonly secretHash: string | null;
  readonly client: Client;
}

/** How many live sessions a user has at most; the oldest is ended first. */
const MAX_SESSIONS = 100;

const LABEL = /^[^\p{Cc}]{1,100}$/u;
/** 128 bits in hex. */
const SESSION_ID = /^[0-9a-f]{32}$/;

/** In characters, of what a client says of itself. */
const USER_AGENT_MAX_LENGTH = 255;

/** The one statement that a request's authentication costs. */
const SESSION_ROWS = `
  SELECT ${PRINCIPAL_COLUMNS}, secret_hash AS "secretHash", generation, rotated_at AS "rotatedAt",
    refresh_expires_at AS "refreshExpiresAt", ended_at AS "endedAt", end_reason AS "endReason",
    session.credentials_version AS "credentialsVersion", u.credentials_version AS "userCredentialsVersion"
  FROM ${PRINCIPAL_TABLES}
  WHERE session.id IN`;

/** How many look-ups a statement takes. Few sizes, so that each is prepared once. */
const BATCH_SIZES = [1, 4, 16, 64];
const STATEMENTS = new Map(
  BATCH_SIZES.map((size) => [size, `${SESSION_ROWS} (${Array(size).fill("?").join(", ")})`]),
);

/** Where someone is signed in. Every change of a session is one conditional statement. */
export class SessionService {
  readonly #sql: Sql;
  readonly #config: AuthConfig;
  readonly #lastUsed: LastUsed;
  readonly #rows: DataLoader<string, SessionRow | null>;

  constructor(sql: Sql, config: AuthConfig) {
    this.#sql = sql;
    this.#config = config;
    this.#lastUsed = new LastUsed(sql, config.now);
    // Look-ups of requests that arrive in the same turn of the event loop share a statement. Nothing is cached.
    this.#rows = new DataLoader((ids) => this.#readRows(ids), {
      cache: false,
      maxBatchSize: BATCH_SIZES.at(-1) ?? 1,
      batchScheduleFn: (run) => setImmediate(run),
    });
  }

  /** The session with its user and profile, or null. The row may be of a session that is over. */
  find(sessionId: string): Promise<SessionRow | null> {
    return this.#rows.load(sessionId);
  }

  async #readRows(ids: readonly string[]): Promise<(SessionRow | null)[]> {
    const size = BATCH_SIZES.find((batchSize) => batchSize >= ids.length) ?? ids.length;
    const padded = Array.from({ length: size }, (_, index) => ids[index] ?? ids[0] ?? "");
    const rows = await this.#sql.read<SessionRow>(STATEMENTS.get(size) ?? "", padded);
    const byId = new Map(rows.map((row) => [row.id, row]));
    return ids.map((id) => byId.get(id) ?? null);
  }

  /** Remembers that a session was used. Written later, and at most once a minute, so that a request only reads. */
  touch(row: SessionRow): void {
    this.#lastUsed.touch(row);
  }

  /** Writes what {@link SessionService.touch} has remembered. */
  async flush(): Promise<void> {
    await this.#lastUsed.flush();
  }

  /**
   * Opens a session, if the account is still as it was when its password was checked. A user who has 100 already
   * loses the oldest.
   * @returns the session's row, or null when the password was changed or the user deactivated meanwhile
   * @throws {@link BadUserInput} when the label is empty, too long, or has control characters in it
   */
  async open(account: Account, opening: SessionOpening): Promise<SessionRow | null> {
    const { id, scheme, label, secretHash, client } = opening;
    if (label !== null && !LABEL.test(label)) {
      throw new BadUserInput(
        "label must have from 1 to 100 characters, none of them a control character.",
      );
    }
    const { refreshTokenLifetime, sessionLifetime, staticTokenLifetime, now } = this.#config;
    const at = now();
    const isStatic = scheme === "TOKEN";
    const lifetime = isStatic ? staticTokenLifetime : sessionLifetime;
    const expiresAt = lifetime === null ? null : at + lifetime * 1000;
    const refreshExpiresAt = at + Math.min(refreshTokenLifetime, lifetime ?? Infinity) * 1000;
    const opened = await this.#sql.write(
      `INSERT INTO session (id, user_id, scheme, label, secret_hash, credentials_version, generation, created_at,
         rotated_at, expires_at, refresh_expires_at, ip_address, user_agent)
       SELECT ?, id, ?, ?, ?, credentials_version, 0, ?, ?, ?, ?, ?, ? FROM "user"
       WHERE id = ? AND is_active AND credentials_version = ? RETURNING id`,
      [
        ...[id, scheme, label, secretHash, at, at, expiresAt],
        isStatic ? null : refreshExpiresAt,
        client.ipAddress,
        client.userAgent?.slice(0, USER_AGENT_MAX_LENGTH) ?? null,
        account.id,
        account.credentialsVersion,
      ],
    );
    if (opened.length === 0) return null;
    await this.#endBeyondLimit(account.id, at, client);
    const event = { type: "token_issued", userId: account.id, sessionId: id, scheme } as const;
    this.#config.onEvent(event, client);
    return this.find(id);
  }

  async #endBeyondLimit(userId: string, at: number, client: Client): Promise<void> {
    const ended = await this.#sql.write<{ id: string }>(
      `UPDATE session SET ended_at = ?, end_reason = 'limit'
       WHERE ended_at IS NULL AND id IN (
         SELECT id FROM session WHERE user_id = ? AND ${IS_OPEN}
         ORDER BY created_at DESC, id DESC LIMIT 1000 OFFSET ${MAX_SESSIONS}) RETURNING id`,
      [at, userId, ...isOpenAt(at)],
    );
    for (const { id } of ended) this.#reportEnd(userId, id, "limit", client);
  }

  /**
   * Moves the session of a refresh or sliding token on to its next generation, by one conditional UPDATE.
   * The immediate predecessor of an unused generation gets that generation again within the reuse window;
   * any other replay ends the session.
   * @returns the session's row, whose `generation` is the one to issue
   * @throws {@link Unauthenticated} with the reason
   * @see RFC 9700 4.14.2
   */
  async rotate(
    claims: RotatingClaims,
    scheme: AuthScheme,
    client: Client = NO_CLIENT,
  ): Promise<SessionRow> {
    const at = this.#config.now();
    const isInTime = Math.floor(at / 1000) < claims.exp + this.#config.leeway;
    const rotated = isInTime ? await this.#rotateOnce(claims, scheme, at) : undefined;
    const row = await this.find(claims.sid);
    if (row === null) throw isInTime ? new UserNotFound() : new TokenExpired();
    if (row.userId !== claims.sub || row.scheme !== scheme) throw new TokenNotValid();
    const refusal = findRefusal(row, at);
    if (refusal !== null) throw refusal;
    // What this call rotated to, though another may have rotated on since.
    if (rotated !== undefined) return { ...row, ...rotated };
    if (claims.gen > row.generation) throw new TokenNotValid();
    if (claims.gen === row.generation) throw new TokenExpired();
    const isPredecessor = claims.gen === row.generation - 1;
    if (isPredecessor && at - row.rotatedAt < this.#config.reuseWindow * 1000) return row;
    if (await this.end(row.id, row.userId, "reused")) {
      const event = { type: "token_reused", userId: row.userId, sessionId: row.id } as const;
      this.#config.onEvent(event, client);
    }
    throw new TokenReused();
  }

  async #rotateOnce(
    claims: RotatingClaims,
    scheme: AuthScheme,
    at: number,
  ): Promise<Generation | undefined> {
    const refreshExpiresAt = at + this.#config.refreshTokenLifetime * 1000;
    const [rotated] = await this.#sql.write<Generation>(
      `UPDATE session SET generation = generation + 1, rotated_at = ?, last_used_at = ?,
         refresh_expires_at = CASE WHEN expires_at < ? THEN expires_at ELSE ? END
       WHERE id = ? AND user_id = ? AND scheme = ? AND generation = ? AND ${IS_LIVE}
       RETURNING generation, rotated_at AS "rotatedAt", refresh_expires_at AS "refreshExpiresAt"`,
      [
        ...[at, at, refreshExpiresAt, refreshExpiresAt],
        ...[claims.sid, claims.sub, scheme, claims.gen, ...isOpenAt(at)],
      ],
    );
    return rotated;
  }

  /**
   * Ends one session of a user that still lives. Of two calls at once, one ends it.
   * @param userId whose it has to be; null for anybody's
   * @returns whether this call ended it
   */
  async end(
    id: string,
    userId: string | null,
    reason: EndReason,
    client: Client = NO_CLIENT,
  ): Promise<boolean> {
    if (!SESSION_ID.test(id)) return false;
    const owner = userId === null ? "" : "AND user_id = ?";
    const at = this.#config.now();
    const ended = await this.#sql.write<{ userId: string }>(
      `UPDATE session SET ended_at = ?, end_reason = ?
       WHERE id = ? ${owner} AND ${IS_OPEN} RETURNING user_id AS "userId"`,
      [at, reason, id, ...(userId === null ? [] : [userId]), ...isOpenAt(at)],
    );
    for (const { userId: ownerId } of ended) this.#reportEnd(ownerId, id, reason, client);
    return ended.length === 1;
  }

  /**
   * Ends all live sessions of a user, or all but one.
   * @returns how many this call ended
   */
  async endAll(
    userId: string,
    exceptId: string | null,
    client: Client = NO_CLIENT,
  ): Promise<number> {
    const at = this.#config.now();
    const ended = await this.#sql.write<{ id: string }>(
      `UPDATE session SET ended_at = ?, end_reason = 'logout'
       WHERE user_id = ? AND id <> ? AND ${IS_OPEN} RETURNING id`,
      [at, userId, exceptId ?? "", ...isOpenAt(at)],
    );
    for (const { id } of ended) this.#reportEnd(userId, id, "logout", client);
    return ended.length;
  }

  #reportEnd(userId: string, sessionId: string, reason: EndReason, client: Client): void {
    if (reason === "reused") return;
    this.#config.onEvent({ type: "session_ended", userId, sessionId }, client);
  }
}

type Generation = Pick<SessionRow, "generation" | "rotatedAt" | "refreshExpiresAt">;
