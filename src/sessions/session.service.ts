import DataLoader from "dataloader";
import type { Account } from "../accounts/account.service.js";
import type { AuthConfig } from "../config.js";
import { BadUserInput, TokenExpired, TokenNotValid, TokenReused, UserNotFound } from "../errors.js";
import type { AuthScheme } from "../events.js";
import type { Sql, SqlValue } from "../sql.js";
import type { RefreshClaims } from "../tokens/refresh-token.js";
import { findRefusal, type SessionInfo, type SessionRow } from "./principal.js";
import type { EndReason } from "./session.entity.js";

/** What is known of the program at the other end. */
export interface Client {
  readonly ipAddress: string | null;
  readonly userAgent: string | null;
}

/** What a login decides about its session. */
export interface SessionOpening {
  readonly id: string;
  readonly scheme: AuthScheme;
  readonly label: string | null;
  readonly secretHash: string | null;
  readonly client: Client;
}

/** One page of sessions, newest first. */
export interface SessionPage {
  readonly sessions: readonly SessionInfo[];
  readonly hasNextPage: boolean;
}

/** Where a page starts: after this session. */
export type SessionCursor = Pick<SessionInfo, "createdAt" | "id">;

const PAGE_MAX_SIZE = 100;
const TEXT_MAX_LENGTH = 255;

const SESSION_INFO = `
  s.id, s.scheme, s.label, s.created_at AS "createdAt", s.last_used_at AS "lastUsedAt", s.expires_at AS "expiresAt",
  s.ip_address AS "ipAddress", s.user_agent AS "userAgent"`;

/** The one statement that a request's authentication costs. */
const SESSION_ROWS = `
  SELECT ${SESSION_INFO},
    s.user_id AS "userId", s.secret_hash AS "secretHash", s.generation, s.rotated_at AS "rotatedAt",
    s.refresh_expires_at AS "refreshExpiresAt", s.ended_at AS "endedAt", s.end_reason AS "endReason",
    s.credentials_version AS "credentialsVersion", u.credentials_version AS "userCredentialsVersion",
    u.username, u.email, u.is_active AS "isActive", u.created_at AS "userCreatedAt",
    u.last_login_at AS "lastLoginAt", p.role
  FROM session s JOIN "user" u ON u.id = s.user_id LEFT JOIN profile p ON p.user_id = u.id
  WHERE s.id IN`;

/** How many look-ups a statement takes. Few sizes, so that each is prepared once. */
const BATCH_SIZES = [1, 4, 16, 64];
const statementOf = (size: number) => `${SESSION_ROWS} (${Array(size).fill("?").join(", ")})`;
const STATEMENTS = new Map(BATCH_SIZES.map((size) => [size, statementOf(size)]));

/** Where someone is signed in. Every change of a session is one conditional statement. */
export class SessionService {
  readonly #sql: Sql;
  readonly #config: AuthConfig;
  readonly #rows: DataLoader<string, SessionRow | null>;

  constructor(sql: Sql, config: AuthConfig) {
    this.#sql = sql;
    this.#config = config;
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
    const rows = await this.#sql.read<SessionRow>(
      STATEMENTS.get(size) ?? statementOf(size),
      padded,
    );
    const byId = new Map(rows.map((row) => [row.id, row]));
    return ids.map((id) => byId.get(id) ?? null);
  }

  /**
   * Opens a session, if the account is still as it was when its password was checked.
   * @returns the session's row, or null when the password was changed or the user deactivated meanwhile
   */
  async open(account: Account, opening: SessionOpening): Promise<SessionRow | null> {
    const { refreshTokenLifetime, now } = this.#config;
    const createdAt = now();
    const lifetime = this.#lifetime(opening.scheme);
    const expiresAt = lifetime === null ? null : createdAt + lifetime * 1000;
    const refreshExpiresAt =
      opening.scheme === "TOKEN"
        ? null
        : Math.min(createdAt + refreshTokenLifetime * 1000, expiresAt ?? Infinity);
    const opened = await this.#sql.write(
      `INSERT INTO session (id, user_id, scheme, label, secret_hash, credentials_version, generation, created_at,
         rotated_at, last_used_at, expires_at, refresh_expires_at, ip_address, user_agent)
       SELECT ?, id, ?, ?, ?, credentials_version, 0, ?, ?, ?, ?, ?, ?, ? FROM "user"
       WHERE id = ? AND is_active AND credentials_version = ? RETURNING id`,
      [
        opening.id,
        opening.scheme,
        opening.label,
        opening.secretHash,
        createdAt,
        createdAt,
        null,
        expiresAt,
        refreshExpiresAt,
        opening.client.ipAddress,
        opening.client.userAgent?.slice(0, TEXT_MAX_LENGTH) ?? null,
        account.id,
        account.credentialsVersion,
      ],
    );
    return opened.length === 1 ? this.find(opening.id) : null;
  }

  #lifetime(scheme: AuthScheme): number | null {
    return scheme === "TOKEN" ? this.#config.staticTokenLifetime : this.#config.sessionLifetime;
  }

  /**
   * Moves the session of a refresh token on to its next generation, by one conditional UPDATE.
   * The immediate predecessor of an unused generation gets that generation again within the reuse window;
   * any other replay ends the session.
   * @returns the session's row, whose `generation` is the one to issue
   * @throws {@link Unauthenticated} with the reason
   * @see RFC 9700 4.14.2
   */
  async rotate(claims: RefreshClaims): Promise<SessionRow> {
    const { refreshTokenLifetime, now } = this.#config;
    const at = now();
    const refreshExpiresAt = at + refreshTokenLifetime * 1000;
    const [rotated] = await this.#sql.write<Generation>(
      `UPDATE session SET generation = generation + 1, rotated_at = ?, last_used_at = ?,
         refresh_expires_at = CASE WHEN expires_at < ? THEN expires_at ELSE ? END
       WHERE id = ? AND user_id = ? AND scheme = 'JWT' AND generation = ?
         AND ended_at IS NULL AND expires_at > ? AND refresh_expires_at > ?
         AND EXISTS (SELECT 1 FROM "user" u WHERE u.id = session.user_id AND u.is_active
                     AND u.credentials_version = session.credentials_version)
       RETURNING generation, rotated_at AS "rotatedAt", refresh_expires_at AS "refreshExpiresAt"`,
      [at, at, refreshExpiresAt, refreshExpiresAt, claims.sid, claims.sub, claims.gen, at, at],
    );
    const row = await this.find(claims.sid);
    if (row === null) throw new UserNotFound();
    if (row.userId !== claims.sub || row.scheme !== "JWT") throw new TokenNotValid();
    const refusal = findRefusal(row, at);
    if (refusal !== null) throw refusal;
    // What this call rotated to, though another may have rotated on since.
    if (rotated !== undefined) return { ...row, ...rotated };
    if (claims.gen > row.generation) throw new TokenNotValid();
    if (claims.gen === row.generation) throw new TokenExpired();
    const isPredecessor = claims.gen === row.generation - 1;
    if (isPredecessor && at - row.rotatedAt < this.#config.reuseWindow * 1000) return row;
    if (await this.end(row, "reused")) {
      this.#config.onEvent({ type: "token_reused", userId: row.userId, sessionId: row.id });
    }
    throw new TokenReused();
  }

  /** Ends a session that still lives. Of two calls at once, one ends it. @returns whether this call did */
  async end(
    { id, userId }: Pick<SessionRow, "id" | "userId">,
    reason: EndReason,
  ): Promise<boolean> {
    const at = this.#config.now();
    const ended = await this.#sql.write(
      `UPDATE session SET ended_at = ?, end_reason = ?
       WHERE id = ? AND user_id = ? AND ${IS_LIVE} RETURNING id`,
      [at, reason, id, userId, ...isLiveAt(at)],
    );
    return ended.length === 1;
  }

  /**
   * A page of all users' live sessions, newest first.
   * @throws {@link BadUserInput} when `first` is not from 1 to 100
   */
  async list(first: number, after: SessionCursor | null): Promise<SessionPage> {
    if (first < 1 || first > PAGE_MAX_SIZE) {
      throw new BadUserInput(`first must be from 1 to ${PAGE_MAX_SIZE}.`);
    }
    const at = this.#config.now();
    const parameters: SqlValue[] = isLiveAt(at);
    if (after !== null) parameters.push(after.createdAt, after.id);
    const sessions = await this.#sql.read<SessionInfo>(
      `SELECT ${SESSION_INFO} FROM session s
       WHERE ${IS_LIVE} ${after === null ? "" : "AND (s.created_at, s.id) < (?, ?)"}
       ORDER BY s.created_at DESC, s.id DESC LIMIT ?`,
      [...parameters, first + 1],
    );
    return { sessions: sessions.slice(0, first), hasNextPage: sessions.length > first };
  }
}

type Generation = Pick<SessionRow, "generation" | "rotatedAt" | "refreshExpiresAt">;

/** A session that can still be used or refreshed. The two `?` are the present instant. */
const IS_LIVE = `(ended_at IS NULL AND (expires_at IS NULL OR expires_at > ?)
  AND (refresh_expires_at IS NULL OR refresh_expires_at > ?))`;
const isLiveAt = (at: number): number[] => [at, at];
