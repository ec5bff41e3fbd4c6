import { newId } from "../accounts/id.js";
import { requireUser } from "../accounts/require-user.js";
import { idOf, type UserRef } from "../accounts/user-ref.js";
import type { AuthConfig } from "../config/auth-config.js";
import { BadUserInput, InvalidCredentials } from "../errors.js";
import { type AuthScheme, type Client, NO_CLIENT } from "../events.js";
import type { Sql } from "../sql.js";
import { generateStaticToken } from "../tokens/static-token.js";
import type { SessionEnder } from "./session-ender.js";
import type { SessionReader, SessionRow } from "./session-reader.js";

/** The session to open. */
export interface SessionOpening {
  readonly scheme: AuthScheme;
  /** The name of the session in lists of sessions: 1 to 100 characters. @default null: the session has no name */
  readonly label?: string | null;
  /** @default {@link NO_CLIENT} */
  readonly client?: Client;
  /** The user's `credentialsVersion` when the password was checked. Left out if no password was checked. */
  readonly credentialsVersion?: number;
}

/** A session that has just been opened. */
export interface OpenedSession {
  readonly row: SessionRow;
  /** The static token; null for the schemes JWT and SLIDING. It cannot be read again later. */
  readonly token: string | null;
}

/** The settings of {@link SessionOpener}. */
export type OpeningSettings = Pick<
  AuthConfig,
  "refreshTokenLifetime" | "sessionLifetime" | "staticTokenLifetime" | "now" | "onEvent"
>;

const SCHEMES: readonly AuthScheme[] = ["TOKEN", "JWT", "SLIDING"];
const LABEL = /^[^\p{Cc}]{1,100}$/u;

/** The maximum length of a stored `User-Agent`, in characters. A longer text is cut. */
const USER_AGENT_MAX_LENGTH = 255;

/** Looks the user up and inserts the session in one statement, so that the user cannot change in between. */
const INSERT = `
  INSERT INTO session (id, user_id, scheme, label, secret_hash, credentials_version, generation, created_at, rotated_at,
    expires_at, refresh_expires_at, ip_address, user_agent)
  SELECT ?, id, ?, ?, ?, credentials_version, 0, ?, ?, ?, ?, ?, ? FROM "user"
  WHERE id = ? AND is_active AND credentials_version = COALESCE(?, credentials_version) RETURNING id`;

/** Opens sessions. */
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
   * Opens a session for an active user. If the user already has 100 open sessions, ends the oldest.
   * @throws {@link BadUserInput} when the scheme or the label is malformed
   * @throws {@link NoSuchUser}, or {@link BadUserInput} for an inactive user, if no password was checked
   * @throws {@link InvalidCredentials} if a password was checked, and since the check the password has been changed, or
   * the user has been deactivated or deleted
   */
  async open(user: UserRef, opening: SessionOpening): Promise<OpenedSession> {
    const { scheme, label = null, client = NO_CLIENT, credentialsVersion = null } = opening;
    requireScheme(scheme);
    requireLabel(label);
    const userId = idOf(user);
    const id = newId();
    const secret = scheme === "TOKEN" ? generateStaticToken(id) : null;
    const { at, expiresAt, refreshExpiresAt } = this.#timesOf(scheme);
    const inserted = await this.#sql.write(INSERT, [
      ...[id, scheme, label, secret?.secretHash ?? null, at, at, expiresAt, refreshExpiresAt],
      ...[client.ipAddress, client.userAgent?.slice(0, USER_AGENT_MAX_LENGTH) ?? null],
      ...[userId, credentialsVersion],
    ]);
    if (inserted.length === 0) return this.#refuse(userId, opening);
    await this.#ender.endBeyondLimit(userId, client);
    this.#settings.onEvent({ type: "token_issued", userId, sessionId: id, scheme }, client);
    const row = await this.#reader.find(id);
    return row === null ? this.#refuse(userId, opening) : { row, token: secret?.token ?? null };
  }

  #timesOf(scheme: AuthScheme): Times {
    const { refreshTokenLifetime, sessionLifetime, staticTokenLifetime, now } = this.#settings;
    const at = now();
    const isStatic = scheme === "TOKEN";
    const lifetime = isStatic ? staticTokenLifetime : sessionLifetime;
    const expiresAt = lifetime === null ? null : at + lifetime * 1000;
    const refreshExpiresAt = at + Math.min(refreshTokenLifetime, lifetime ?? Infinity) * 1000;
    return { at, expiresAt, refreshExpiresAt: isStatic ? null : refreshExpiresAt };
  }

  async #refuse(userId: string, { credentialsVersion }: SessionOpening): Promise<never> {
    if (credentialsVersion !== undefined) throw new InvalidCredentials();
    await requireUser(this.#sql, userId);
    throw new BadUserInput("The user is inactive.");
  }
}

/** The instants of a new session, in epoch milliseconds. */
interface Times {
  readonly at: number;
  readonly expiresAt: number | null;
  readonly refreshExpiresAt: number | null;
}

/** @throws {@link BadUserInput} when there is no such scheme */
export function requireScheme(scheme: AuthScheme): void {
  if (!SCHEMES.includes(scheme)) throw new BadUserInput("scheme must be TOKEN, JWT or SLIDING.");
}

function requireLabel(label: unknown): void {
  if (label === null || (typeof label === "string" && LABEL.test(label))) return;
  throw new BadUserInput(
    "label must have from 1 to 100 characters, none of them a control character.",
  );
}
