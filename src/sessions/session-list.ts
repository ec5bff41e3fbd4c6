import {
  type Condition,
  contains,
  type CreatedRange,
  isCreatedIn,
} from "../accounts/conditions.js";
import {
  canonicalUsername,
  EMAIL_MAX_LENGTH,
  ID_MAX_LENGTH,
  requireText,
  requireTexts,
  USERNAME_MAX_LENGTH,
} from "../accounts/identifiers.js";
import type { AuthConfig } from "../config/auth-config.js";
import type { AuthScheme } from "../events.js";
import type { Sql } from "../sql.js";
import { IS_LIVE, liveAt } from "./live.js";
import {
  Principal,
  PRINCIPAL_COLUMNS,
  PRINCIPAL_TABLES,
  type PrincipalRow,
  type SessionInfo,
} from "./principal.js";

/**
 * A filter for sessions. Several fields are combined with AND. A field that is null or missing does not filter.
 * Instants are epoch milliseconds.
 */
export interface SessionQuery extends CreatedRange {
  readonly userIds?: readonly string[] | null | undefined;
  /** The exact user name. */
  readonly username?: string | null | undefined;
  /** The user name, ignoring case. */
  readonly usernameIexact?: string | null | undefined;
  /** A part of the e-mail address, ignoring case. */
  readonly emailIcontains?: string | null | undefined;
  readonly scheme?: AuthScheme | null | undefined;
  readonly isLive?: boolean | null | undefined;
}

/** One page of sessions, newest first. */
export interface SessionPage {
  readonly principals: readonly Principal[];
  readonly hasNextPage: boolean;
}

/** The session after which a page starts. */
export type SessionCursor = Pick<SessionInfo, "createdAt" | "id">;

/**
 * How many open sessions one user can have: 100 of each of the three kinds, which are sign-ins, named tokens, and
 * access tokens of another system.
 */
const LIST_MAX_SIZE = 300;

export class SessionList {
  readonly #sql: Sql;
  readonly #settings: Pick<AuthConfig, "now" | "roles">;

  constructor(sql: Sql, settings: Pick<AuthConfig, "now" | "roles">) {
    this.#sql = sql;
    this.#settings = settings;
  }

  /**
   * Returns a page of the matching sessions, newest first.
   * @param first the largest number of sessions to return
   * @param after the last session of the previous page; null for the first page
   * @throws {@link BadUserInput} when a value in the query is malformed or too long
   */
  async page(
    query: SessionQuery,
    first: number,
    after: SessionCursor | null,
  ): Promise<SessionPage> {
    const conditions = [...this.#conditions(query)];
    if (after !== null) {
      conditions.push(["(session.created_at, session.id) < (?, ?)", [after.createdAt, after.id]]);
    }
    const where = conditions.map(([condition]) => condition).join(" AND ");
    const rows = await this.#sql.readOnce<PrincipalRow>(
      `SELECT ${PRINCIPAL_COLUMNS} FROM ${PRINCIPAL_TABLES} ${where && `WHERE ${where}`}
       ORDER BY session.created_at DESC, session.id DESC LIMIT ?`,
      [...conditions.flatMap(([, parameters]) => parameters), first + 1],
    );
    const principals = rows.slice(0, first).map((row) => new Principal(row, this.#settings));
    return { principals, hasNextPage: rows.length > first };
  }

  /** Returns the live sessions of a user, newest first. */
  async ofUser(userId: string): Promise<readonly SessionInfo[]> {
    const page = await this.page({ userIds: [userId], isLive: true }, LIST_MAX_SIZE, null);
    return page.principals.map(({ session }) => session);
  }

  *#conditions(query: SessionQuery): Generator<Condition> {
    const { userIds, username, usernameIexact, emailIcontains, scheme, isLive } = query;
    if (userIds != null) {
      requireTexts("userId.in", userIds, ID_MAX_LENGTH);
      const places = userIds.map(() => "?").join(", ");
      yield [userIds.length === 0 ? "1 = 0" : `u.id IN (${places})`, [...userIds]];
    }
    if (username != null) {
      requireText("username.exact", username, USERNAME_MAX_LENGTH);
      yield ["u.username = ?", [username]];
    }
    if (usernameIexact != null) yield ["u.username_key = ?", [canonicalUsername(usernameIexact)]];
    if (emailIcontains != null) {
      requireText("email.icontains", emailIcontains, EMAIL_MAX_LENGTH);
      yield contains("u.email_key", emailIcontains.toLowerCase());
    }
    yield* isCreatedIn("session.created_at", query);
    if (scheme != null) yield ["session.scheme = ?", [scheme]];
    const { now, roles } = this.#settings;
    if (isLive != null) yield [`${isLive ? "" : "NOT "}${IS_LIVE}`, liveAt(now(), roles)];
  }
}
