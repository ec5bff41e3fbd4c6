import { InvalidCredentials } from "../accounts/errors.js";
import { newId } from "../accounts/id.js";
import { requireUser } from "../accounts/require-user.js";
import { idOf, type UserRef } from "../accounts/user-ref.js";
import type { AuthConfig } from "../config/auth-config.js";
import { BadUserInput } from "../errors.js";
import { type AuthScheme, type Client, type EndReason, NO_CLIENT } from "../events.js";
import { type RunStatement, type Sql, type SqlValue, withoutTransaction } from "../sql.js";
import { generateStaticToken } from "../tokens/static-token.js";
import { TokenRevoked } from "./errors.js";
import { IS_LIVE, liveAt } from "./live.js";
import { type AuthMethod, joinMethods } from "./methods.js";
import { isNamedToken } from "./named-token.js";
import type { Principal, SessionInfo } from "./principal.js";
import type { SessionEnder } from "./session-ender.js";
import type { SessionReader, SessionRow } from "./session-reader.js";
import { timesOf } from "./session-times.js";

export interface SessionOpening {
  readonly scheme: AuthScheme;
  /** The name of the session in lists of sessions: 1 to 100 characters. @default null: no name */
  readonly label?: string | null;
  readonly client?: Client;
  /**
   * The user's `credentialsVersion` when the password, or another proof, was checked. Undefined if nothing was checked.
   * The session then has no `authenticatedAt`.
   */
  readonly credentialsVersion?: number;
  /** How the user proved who they are. @default no methods */
  readonly methods?: readonly AuthMethod[];
  /**
   * When the session expires, in epoch milliseconds. `sessionLifetime` or `staticTokenLifetime` may end the session
   * earlier.
   * @default the latest time that the setting allows
   */
  readonly expiresAt?: number;
  /** The session in which the user asks for the new session. If it has ended, no new session is opened. */
  readonly openedBy?: Pick<SessionInfo, "id">;
  /**
   * An SQL condition without parameters over the row `"user"`. If it is false, no session is opened. The error is then
   * the same as after a change of `credentialsVersion`. @default none
   */
  readonly condition?: string | undefined;
  /** The administrator who acts as the user in the new session. `impersonator.session` is the administrator's own. */
  readonly impersonator?: Principal;
}

export interface OpenedSession {
  readonly row: SessionRow;
  /** The static token; null for other schemes. */
  readonly token: string | null;
}

export type OpeningSettings = Pick<
  AuthConfig,
  "refreshTokenLifetime" | "sessionLifetime" | "staticTokenLifetime" | "now" | "onEvent" | "roles"
>;

const SCHEMES: readonly AuthScheme[] = ["TOKEN", "JWT", "SLIDING"];
const LABEL = /^[^\p{Cc}]{1,100}$/u;

/** The longest stored `User-Agent`, in characters. A longer one is cut. */
const USER_AGENT_MAX_LENGTH = 255;

/**
 * Returns SQL that checks the user and inserts the session in one statement. So the user cannot change between the
 * check and the insert.
 */
const insertIf = (condition: string) => `
  INSERT INTO session (id, user_id, scheme, label, secret_hash, credentials_version, generation, created_at, rotated_at,
    authenticated_at, expires_at, refresh_expires_at, ended_at, end_reason, ip_address, user_agent,
    impersonator_id, impersonator_session_id, methods, second_factor_at)
  SELECT ?, id, ?, ?, ?, credentials_version, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? FROM "user"
  WHERE id = ? AND is_active AND credentials_version = COALESCE(?, credentials_version) ${condition} RETURNING id`;

const INSERT = insertIf("");

const INSERT_BY = insertIf(`AND EXISTS (
  SELECT 1 FROM session opener WHERE opener.id = ? AND opener.ended_at IS NULL
    AND opener.credentials_version = "user".credentials_version)`);

const INSERT_FIRST = insertIf(`AND NOT EXISTS (
  SELECT 1 FROM session WHERE user_id = ? AND scheme = ? AND label IS NOT DISTINCT FROM ? AND ${IS_LIVE})`);

interface NewSession {
  readonly id: string;
  readonly userId: string;
  readonly token: string | null;
  readonly values: readonly SqlValue[];
}

/** A session that was inserted, but may not be committed yet. */
export interface InsertedSession extends NewSession {
  readonly opening: SessionOpening;
  /** The ids of the sessions that ended because the user has too many. */
  readonly ended: readonly string[];
}

export class SessionOpener {
  readonly #sql: Sql;
  readonly #settings: OpeningSettings;
  readonly #reader: SessionReader;
  readonly #ender: SessionEnder;

  constructor(sql: Sql, settings: OpeningSettings, reader: SessionReader, ender: SessionEnder) {
    this.#sql = sql;
    this.#settings = settings;
    this.#reader = reader;
    this.#ender = ender;
  }

  /**
   * Opens a session for an active user. If the user already has 100 open sign-ins, ends the oldest sign-in. Named
   * tokens have the same limit, but are counted separately.
   * @throws {@link BadUserInput} when the scheme or label is malformed
   * @throws {@link TokenRevoked} if `openedBy` is given, for example when that session has ended
   * @throws {@link InvalidCredentials} if `credentialsVersion` is given, for example when the password has changed
   * @throws {@link NoSuchUser}, {@link BadUserInput} if neither is given, when the user does not exist or is inactive
   */
  async open(user: UserRef, opening: SessionOpening): Promise<OpenedSession> {
    return this.finish(await this.insert(withoutTransaction(this.#sql), user, opening));
  }

  /**
   * Does the writes of {@link SessionOpener.open}. After the commit, the caller calls {@link SessionOpener.finish}.
   * @param run runs a statement in the caller's transaction
   * @throws the errors of {@link SessionOpener.open}
   */
  async insert(
    run: RunStatement,
    user: UserRef,
    opening: SessionOpening,
  ): Promise<InsertedSession> {
    const session = this.#create(user, opening);
    const { userId, values } = session;
    const { condition, openedBy } = opening;
    const insert = condition === undefined ? INSERT : insertIf(`AND ${condition}`);
    const inserted =
      openedBy === undefined
        ? await run(insert, values)
        : await run(INSERT_BY, [...values, openedBy.id]);
    if (inserted.length === 0) return this.#refuse(userId, opening);
    return this.#endOldest(run, session, opening);
  }

  /** Reports an inserted session as an event, and reads it from the database. */
  async finish(inserted: InsertedSession): Promise<OpenedSession> {
    return (await this.#finish(inserted)) ?? this.#refuse(inserted.userId, inserted.opening);
  }

  /**
   * Opens a session if the user has no live session with this scheme and label.
   * @returns null if there is such a session, or no such active user
   */
  async openFirst(user: UserRef, opening: SessionOpening): Promise<OpenedSession | null> {
    const session = this.#create(user, opening);
    const { userId, values } = session;
    const { now, roles } = this.#settings;
    const first = [userId, opening.scheme, opening.label ?? null, ...liveAt(now(), roles)];
    // Without `writeExclusive`, two calls at the same time could both open a session.
    const inserted = await this.#sql.writeExclusive(INSERT_FIRST, [...values, ...first]);
    if (inserted.length === 0) return null;
    return this.#finish(await this.#endOldest(withoutTransaction(this.#sql), session, opening));
  }

  /**
   * Stores a session that has already ended. Use this to revoke a token without a session. The caller then sets the
   * token's claim `sid` to the id of the ended session.
   * @returns the id of the session
   */
  async openEnded(user: UserRef, opening: SessionOpening): Promise<string> {
    const reason = "logout";
    const { id, userId, values } = this.#create(user, opening, reason);
    const inserted = await this.#sql.write(INSERT, values);
    if (inserted.length === 0) return this.#refuse(userId, opening);
    const { client = NO_CLIENT } = opening;
    this.#settings.onEvent({ type: "session_ended", userId, sessionId: id, reason }, client);
    return id;
  }

  /** @param endReason null for an open session */
  #create(user: UserRef, opening: SessionOpening, endReason: EndReason | null = null): NewSession {
    const { scheme, label = null, client = NO_CLIENT, credentialsVersion = null } = opening;
    const { impersonator, methods = [] } = opening;
    requireScheme(scheme);
    requireLabel(label);
    const userId = idOf(user);
    const id = newId();
    const secret = scheme === "TOKEN" ? generateStaticToken(id) : null;
    const { at, expiresAt, refreshExpiresAt } = timesOf(opening, this.#settings);
    const endedAt = endReason === null ? null : at;
    const authenticatedAt = credentialsVersion === null ? null : at;
    const values = [
      ...[id, scheme, label, secret?.secretHash ?? null, at, at],
      ...[authenticatedAt, expiresAt, refreshExpiresAt],
      ...[endedAt, endReason],
      ...[client.ipAddress, client.userAgent?.slice(0, USER_AGENT_MAX_LENGTH) ?? null],
      ...[impersonator?.id ?? null, impersonator?.session.id ?? null, joinMethods(methods)],
      methods.includes("mfa") ? authenticatedAt : null,
      ...[userId, credentialsVersion],
    ];
    return { id, userId, token: secret?.token ?? null, values };
  }

  async #endOldest(
    run: RunStatement,
    session: NewSession,
    opening: SessionOpening,
  ): Promise<InsertedSession> {
    const { scheme, label = null } = opening;
    const kind = isNamedToken({ scheme, label }) ? "namedToken" : "signIn";
    const ended = await this.#ender.endBeyondLimit(run, session.userId, kind);
    return { ...session, opening, ended };
  }

  /** @returns null if the user was deleted meanwhile */
  async #finish({
    id,
    userId,
    token,
    opening: { scheme, client = NO_CLIENT },
    ended,
  }: InsertedSession): Promise<OpenedSession | null> {
    this.#ender.reportBeyondLimit(userId, ended, client);
    this.#settings.onEvent({ type: "token_issued", userId, sessionId: id, scheme }, client);
    const row = await this.#reader.find(id);
    return row === null ? null : { row, token };
  }

  async #refuse(userId: string, { credentialsVersion, openedBy }: SessionOpening): Promise<never> {
    if (openedBy !== undefined) throw new TokenRevoked();
    if (credentialsVersion !== undefined) throw new InvalidCredentials();
    await requireUser(this.#sql, userId);
    throw new BadUserInput("The user is inactive.");
  }
}

export function requireScheme(scheme: AuthScheme): void {
  if (!SCHEMES.includes(scheme)) throw new BadUserInput("scheme must be TOKEN, JWT or SLIDING.");
}

function requireLabel(label: unknown): void {
  if (label === null || (typeof label === "string" && LABEL.test(label))) return;
  throw new BadUserInput(
    "label must have from 1 to 100 characters, none of them a control character.",
  );
}
