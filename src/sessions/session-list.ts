import {
  canonicalUsername,
  EMAIL_MAX_LENGTH,
  requireText,
  USERNAME_MAX_LENGTH,
} from "../accounts/identifiers.js";
import type { AuthConfig } from "../config/auth-config.js";
import { BadUserInput } from "../errors.js";
import type { AuthScheme } from "../events.js";
import type { Sql, SqlValue } from "../sql.js";
import { IS_LIVE, openAt } from "./live.js";
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
export interface SessionQuery {
  readonly userIds?: readonly string[] | null | undefined;
  /** The exact user name. */
  readonly username?: string | null | undefined;
  /** The user name, ignoring case. */
  readonly usernameIexact?: string | null | undefined;
  /** A part of the e-mail address, ignoring case. */
  readonly emailIcontains?: string | null | undefined;
  readonly createdAfter?: number | null | undefined;
  readonly createdAtOrAfter?: number | null | undefined;
  readonly createdBefore?: number | null | undefined;
  readonly createdAtOrBefore?: number | null | undefined;
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

const LIST_MAX_SIZE = 100;
/** The longest accepted id, in characters. Real ids have 32. */
const ID_MAX_LENGTH = 64;

const CREATED = [
  ["createdAfter", ">"],
  ["createdAtOrAfter", ">="],
  ["createdBefore", "<"],
  ["createdAtOrBefore", "<="],
] as const;

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

  /** Returns at most 100 live sessions of a user, newest first. */
  async ofUser(userId: string): Promise<readonly SessionInfo[]> {
    const page = await this.page({ userIds: [userId], isLive: true }, LIST_MAX_SIZE, null);
    return page.principals.map(({ session }) => session);
  }

  *#conditions(query: SessionQuery): Generator<[condition: string, parameters: SqlValue[]]> {
    const { userIds, username, usernameIexact, emailIcontains, scheme, isLive } = query;
    if (userIds != null) {
      requireList("userId.in", userIds);
      for (const userId of userIds) requireText("userId.in", userId, ID_MAX_LENGTH);
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
      const pattern = emailIcontains.toLowerCase().replace(/[\\%_]/g, "\\$&");
      yield [`u.email_key LIKE ? ESCAPE '\\'`, [`%${pattern}%`]];
    }
    for (const [name, operator] of CREATED) {
      const instant = query[name];
      if (instant == null) continue;
      if (!Number.isFinite(instant)) {
        throw new BadUserInput(`${name} must be an instant in epoch milliseconds.`);
      }
      yield [`session.created_at ${operator} ?`, [instant]];
    }
    if (scheme != null) yield ["session.scheme = ?", [scheme]];
    if (isLive != null) yield [`${isLive ? "" : "NOT "}${IS_LIVE}`, openAt(this.#settings.now())];
  }
}

function requireList(name: string, value: unknown): void {
  if (!Array.isArray(value)) throw new BadUserInput(`${name} must be a list.`);
  if (value.length > LIST_MAX_SIZE) {
    throw new BadUserInput(`A list may have at most ${LIST_MAX_SIZE} entries.`);
  }
}
