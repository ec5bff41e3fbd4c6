import { BadUserInput } from "../errors.js";
import type { Sql } from "../sql.js";
import { type Condition, contains, isCreatedIn } from "./conditions.js";
import {
  canonicalEmail,
  canonicalUsername,
  EMAIL_MAX_LENGTH,
  foldCase,
  requireObject,
  requireText,
  USERNAME_MAX_LENGTH,
} from "./identifiers.js";
import type { Role, Roles } from "./role.js";
import type { User } from "./user.js";
import type { UserCursor, UserOrder, UserPage, UserQuery } from "./user-query.js";

const COLUMNS = `u.id, username, email, is_active AS "isActive", created_at AS "createdAt",
  last_login_at AS "lastLoginAt", role`;
const TABLES = `"user" u LEFT JOIN profile p ON p.user_id = u.id`;

type UserRow = Omit<User, "isActive" | "role"> & {
  /** SQLite returns booleans as numbers. */
  readonly isActive: boolean | number;
  /** Null for a user without a Profile. */
  readonly role: Role | null;
};

const MAX_PAGE_SIZE = 100;

/** The SQL expression to sort by, for each field. */
const SORTED_BY: Readonly<Record<UserOrder["field"], string>> = {
  createdAt: "created_at",
  username: "username_key",
  lastLoginAt: "COALESCE(last_login_at, 0)",
};

const NEWEST_FIRST: UserOrder = { field: "createdAt", direction: "DESC" };

export class UserList {
  readonly #sql: Sql;
  readonly #roles: Roles;

  constructor(sql: Sql, roles: Roles) {
    this.#sql = sql;
    this.#roles = roles;
  }

  /** Returns the user with this value in a column. Returns null if no user matches, or if several do. */
  async findBy(column: "id" | "username_key" | "email_key", value: string): Promise<User | null> {
    const rows = await this.#sql.read<UserRow>(
      `SELECT ${COLUMNS} FROM ${TABLES} WHERE u.${column} = ?`,
      [value],
    );
    return rows.length === 1 && rows[0] !== undefined ? this.#toUser(rows[0]) : null;
  }

  /** Returns the users with these ids, in any order. */
  async findByIds(ids: readonly string[]): Promise<readonly User[]> {
    const places = ids.map(() => "?").join(", ");
    const rows = await this.#sql.readOnce<UserRow>(
      `SELECT ${COLUMNS} FROM ${TABLES} WHERE u.id IN (${places})`,
      ids,
    );
    return rows.map((row) => this.#toUser(row));
  }

  /**
   * Returns a page of the users that match the query. A page starts after a cursor, not at a row number, because row
   * numbers shift when users are created or deleted.
   * @throws {@link BadUserInput} when an argument is malformed, for example when `first` is not from 1 to 100
   */
  async page(query: UserQuery, first: number, after: UserCursor | null): Promise<UserPage> {
    requireObject("query", query);
    if (!Number.isInteger(first) || first < 1 || first > MAX_PAGE_SIZE) {
      throw new BadUserInput(`first must be a whole number from 1 to ${MAX_PAGE_SIZE}.`);
    }
    const { field, direction } = requireOrder(query.orderBy ?? NEWEST_FIRST);
    const column = SORTED_BY[field];
    const conditions = [...this.#conditions(query)];
    if (after !== null) {
      const operator = direction === "ASC" ? ">" : "<";
      requireCursor(after, field);
      conditions.push([`(${column}, u.id) ${operator} (?, ?)`, [after.value, after.id]]);
    }
    const where = conditions.map(([condition]) => condition).join(" AND ");
    const rows = await this.#sql.readOnce<UserRow & { sortedBy: string | number }>(
      `SELECT ${COLUMNS}, ${column} AS "sortedBy" FROM ${TABLES} ${where && `WHERE ${where}`}
       ORDER BY ${column} ${direction}, u.id ${direction} LIMIT ?`,
      [...conditions.flatMap(([, parameters]) => parameters), first + 1],
    );
    const page = rows.slice(0, first);
    return {
      users: page.map((row) => this.#toUser(row)),
      cursors: page.map(({ sortedBy, id }) => ({ value: sortedBy, id })),
      hasNextPage: rows.length > first,
    };
  }

  *#conditions(query: UserQuery): Generator<Condition> {
    const { usernameIexact, usernameIcontains, emailIexact, emailIcontains } = query;
    const { search, roles, isActive } = query;
    if (usernameIexact != null) yield ["username_key = ?", [canonicalUsername(usernameIexact)]];
    if (usernameIcontains != null) {
      requireText("username.icontains", usernameIcontains, USERNAME_MAX_LENGTH);
      yield usernameContains(usernameIcontains);
    }
    if (emailIexact != null) yield ["email_key = ?", [canonicalEmail(emailIexact)]];
    if (emailIcontains != null) {
      requireText("email.icontains", emailIcontains, EMAIL_MAX_LENGTH);
      yield emailContains(emailIcontains);
    }
    if (search != null) {
      requireText("search", search, EMAIL_MAX_LENGTH);
      const either = [usernameContains(search), emailContains(search)];
      yield [
        `(${either.map(([condition]) => condition).join(" OR ")})`,
        either.flatMap(([, parameters]) => parameters),
      ];
    }
    if (roles != null) {
      if (!Array.isArray(roles) || !roles.every((role) => this.#roles.has(role))) {
        throw new BadUserInput(`roles must be a list of ${this.#roles.toString()}.`);
      }
      const different = [...new Set<Role>(roles)];
      const places = different.map(() => "?").join(", ");
      const orNone = different.includes(this.#roles.lowest) ? "OR role IS NULL" : "";
      yield [different.length === 0 ? "1 = 0" : `(role IN (${places}) ${orNone})`, different];
    }
    if (isActive != null) {
      if (typeof isActive !== "boolean") throw new BadUserInput("isActive must be true or false.");
      yield ["is_active = ?", [isActive]];
    }
    yield* isCreatedIn("created_at", query);
  }

  #toUser({ id, username, email, isActive, createdAt, lastLoginAt, role }: UserRow): User {
    return {
      ...{ id, username, email, createdAt, lastLoginAt },
      isActive: Boolean(isActive),
      role: role ?? this.#roles.lowest,
    };
  }
}

function usernameContains(part: string): Condition {
  return contains("username_key", foldCase(part.normalize("NFKC")));
}

function emailContains(part: string): Condition {
  return contains("email_key", part.normalize("NFC").toLowerCase());
}

function requireOrder(order: UserOrder): UserOrder {
  const { field, direction } = order;
  if (Object.hasOwn(SORTED_BY, field) && ["ASC", "DESC"].includes(direction)) return order;
  throw new BadUserInput(
    "orderBy must have the field createdAt, username or lastLoginAt, and the direction ASC or DESC.",
  );
}

/**
 * Requires a cursor of a list that is sorted by `field`. The value of the cursor is text for `username`, and a whole
 * number for other fields.
 * @throws {@link BadUserInput}
 */
function requireCursor({ value, id }: UserCursor, field: UserOrder["field"]): void {
  const isOfField = field === "username" ? typeof value === "string" : Number.isSafeInteger(value);
  if (!isOfField || typeof id !== "string") {
    throw new BadUserInput("after must be a cursor of this list.");
  }
}
