import type { Roles } from "../../accounts/role.js";
import type { Sql, SqlValue } from "../../sql.js";
import type { CommandOptions } from "../command-option.js";
import {
  blacklistedFixture,
  type ExportedUser,
  type RefusedToken,
  toIso,
  userFixture,
} from "./fixture.js";

/** The number of rows that are in memory at a time. */
const PAGE = 1000;

const USERS = `
  SELECT u.id, u.username, u.email, u.password_hash AS "passwordHash", u.is_active AS "isActive",
    u.created_at AS "createdAt", u.last_login_at AS "lastLoginAt", COALESCE(p.role, ?) AS role,
    d.django_id AS "djangoId", d.imported
  FROM "user" u LEFT JOIN profile p ON p.user_id = u.id LEFT JOIN django_user d ON d.user_id = u.id
  WHERE u.id > ? ORDER BY u.id LIMIT ${PAGE}`;

const SESSIONS = `
  SELECT s.id, s.user_id AS "userId", s.scheme, s.label, s.created_at AS "createdAt",
    s.last_used_at AS "lastUsedAt", s.expires_at AS "expiresAt", s.refresh_expires_at AS "refreshExpiresAt",
    s.ended_at AS "endedAt", s.end_reason AS "endReason", s.secret_hash AS "secretHash", t.jti
  FROM session s LEFT JOIN django_token t ON t.session_id = s.id WHERE s.id > ? ORDER BY s.id LIMIT ${PAGE}`;

/**
 * The tokens that simplejwt would accept, but Gatehouse refuses. Such a token has no session, its session has ended, or
 * a refresh has replaced the token.
 */
const REFUSED = `
  SELECT t.session_id AS id, COALESCE(s.ended_at, s.rotated_at) AS "refusedAt", t.outstanding_id AS "outstandingId"
  FROM django_token t LEFT JOIN session s ON s.id = t.session_id
  WHERE t.outstanding_id IS NOT NULL AND t.expires_at > ?
    AND (s.id IS NULL OR s.ended_at IS NOT NULL OR s.generation > 0)
    AND t.session_id > ? ORDER BY t.session_id LIMIT ${PAGE}`;

interface SessionRow {
  readonly id: string;
  readonly createdAt: number;
  readonly lastUsedAt: number | null;
  readonly expiresAt: number | null;
  readonly refreshExpiresAt: number | null;
  readonly endedAt: number | null;
}

/** Runs `gatehouse export`. Prints a JSON document with one row on each line. @param now epoch milliseconds */
export async function runExport(
  sql: Sql,
  roles: Roles,
  now: number,
  { users, sessions, format }: CommandOptions,
  print: (line: string) => void,
): Promise<void> {
  if (users === undefined && sessions === undefined) {
    throw new Error("Pass --users, --sessions, or both.");
  }
  if (format === "django") {
    print("[");
    await printItems(fixtureRows(sql, roles, now, { users, sessions }), print);
    print("]");
    return;
  }
  print("{");
  if (users !== undefined) {
    print('"users": [');
    await printItems(describedUsers(sql, roles), print);
    print(sessions === undefined ? "]" : "],");
  }
  if (sessions !== undefined) {
    print('"sessions": [');
    await printItems(describedSessions(sql), print);
    print("]");
  }
  print("}");
}

async function printItems(
  items: AsyncIterable<object>,
  print: (line: string) => void,
): Promise<void> {
  let previous: string | undefined;
  for await (const item of items) {
    if (previous !== undefined) print(`${previous},`);
    previous = JSON.stringify(item);
  }
  if (previous !== undefined) print(previous);
}

/** @param now epoch milliseconds */
async function* fixtureRows(
  sql: Sql,
  roles: Roles,
  now: number,
  { users, sessions }: CommandOptions,
): AsyncGenerator<object> {
  if (users !== undefined) {
    const toFixture = await userFixture(sql, roles);
    for await (const user of rowsOf<ExportedUser>(sql, USERS, [roles.lowest]))
      yield toFixture(user);
  }
  if (sessions !== undefined) {
    for await (const token of rowsOf<RefusedToken>(sql, REFUSED, [now]))
      yield blacklistedFixture(token, now);
  }
}

async function* describedUsers(sql: Sql, roles: Roles): AsyncGenerator<object> {
  for await (const user of rowsOf<ExportedUser>(sql, USERS, [roles.lowest])) {
    yield {
      ...user,
      imported: undefined,
      isActive: Boolean(user.isActive),
      createdAt: toIso(user.createdAt),
      lastLoginAt: toIso(user.lastLoginAt),
    };
  }
}

async function* describedSessions(sql: Sql): AsyncGenerator<object> {
  for await (const session of rowsOf<SessionRow>(sql, SESSIONS)) {
    const { createdAt, lastUsedAt, expiresAt, refreshExpiresAt, endedAt } = session;
    yield {
      ...session,
      createdAt: toIso(createdAt),
      lastUsedAt: toIso(lastUsedAt),
      expiresAt: toIso(expiresAt),
      refreshExpiresAt: toIso(refreshExpiresAt),
      endedAt: toIso(endedAt),
    };
  }
}

/**
 * Yields all rows of a query, in the order of `id`.
 * @param parameters all parameters of the query except the last one, which is the id to start after
 */
async function* rowsOf<Row extends { readonly id: string }>(
  sql: Sql,
  statement: string,
  parameters: readonly SqlValue[] = [],
): AsyncGenerator<Row> {
  let after = "";
  for (;;) {
    const rows = await sql.read<Row>(statement, [...parameters, after]);
    yield* rows;
    const last = rows.at(-1);
    if (last === undefined) return;
    after = last.id;
  }
}
