import { partsOf } from "../../database/rows.js";
import type { AuthScheme } from "../../events.js";
import type { RunStatement, SqlValue } from "../../sql.js";

/** The number of tokens that one statement reads. */
const BATCH_SIZE = 1000;

/** A token or key that Django issued. */
export interface IssuedToken {
  /** The id of the token's session, even if that session does not exist yet. */
  readonly sessionId: string;
  readonly userId: string;
  /** When Django issued the token, in epoch milliseconds. Null if unknown. */
  readonly issuedAt: number | null;
}

/** The stored state of a token and its user. SQLite returns booleans as numbers. */
export interface Standing {
  readonly hasUser: boolean | number;
  /** Null if there is no such user. */
  readonly isActive: boolean | number | null;
  readonly credentialsVersion: number | null;
  /** See {@link IS_FROM_DJANGO}. */
  readonly isFromDjango: boolean | number;
  readonly hasSession: boolean | number;
  readonly endedAt: number | null;
  /** Whether the table `django_token` has a row for the token. Always false for keys and access tokens. */
  readonly isSeen: boolean | number;
  readonly outstandingId: string | null;
  /** Whether the token may get a session. False if there is no such user. */
  readonly isOpenable: boolean | number;
}

/** The session to open for a token. Times are in epoch milliseconds. */
export interface TokenSession extends IssuedToken {
  readonly scheme: AuthScheme;
  readonly createdAt: number;
  readonly expiresAt: number;
  /** When the token can no longer be refreshed. Null for an access token. */
  readonly refreshExpiresAt: number | null;
}

/** SQL condition: in Gatehouse, the "user" was not activated or deactivated, and the password did not change. */
export const IS_FROM_DJANGO = `EXISTS (SELECT 1 FROM django_user
  WHERE django_user.user_id = "user".id AND django_user.credentials_version = "user".credentials_version)`;

/** SQL condition: the table `django_token` has a row for the token `given`. */
const IS_SEEN = `EXISTS (SELECT 1 FROM django_token WHERE django_token.session_id = given.session_id)`;

/** SQL condition: the token `given` was issued no later than the `refused_before` of the "user". */
const IS_REFUSED = `EXISTS (SELECT 1 FROM django_user
  WHERE django_user.user_id = "user".id AND refused_before >= CAST(given.issued_at AS BIGINT))`;

/** SQL condition: the token `given` of the "user" may get a session. */
const IS_OPENABLE = `(${IS_FROM_DJANGO} AND NOT ${IS_SEEN} AND NOT ${IS_REFUSED})`;

/** Returns the stored state of each token, by the id of its session. */
export async function readStandings(
  run: RunStatement,
  tokens: readonly IssuedToken[],
): Promise<Map<string, Standing>> {
  const standings = new Map<string, Standing>();
  for (const part of partsOf(tokens, BATCH_SIZE)) {
    const rows = await run<Standing & { sessionId: string }>(
      `${withGiven(part.length)}
       SELECT given.session_id AS "sessionId", "user".id IS NOT NULL AS "hasUser", "user".is_active AS "isActive",
         "user".credentials_version AS "credentialsVersion", ${IS_FROM_DJANGO} AS "isFromDjango", session.id IS NOT NULL AS "hasSession",
         session.ended_at AS "endedAt", seen.session_id IS NOT NULL AS "isSeen",
         seen.outstanding_id AS "outstandingId", ${IS_OPENABLE} AS "isOpenable"
       FROM given LEFT JOIN "user" ON "user".id = given.user_id
         LEFT JOIN session ON session.id = given.session_id
         LEFT JOIN django_token seen ON seen.session_id = given.session_id`,
      part.flatMap(givenValues),
    );
    for (const { sessionId, ...standing } of rows) standings.set(sessionId, standing);
  }
  return standings;
}

/**
 * Opens the session of a token.
 * @returns false if the user is inactive, the token must not get a session, or the session exists
 */
export async function openSession(run: RunStatement, session: TokenSession): Promise<boolean> {
  const { scheme, createdAt, expiresAt, refreshExpiresAt } = session;
  const opened = await run(
    `${withGiven(1)}
     INSERT INTO session (id, user_id, scheme, credentials_version, generation, created_at, rotated_at, expires_at,
       refresh_expires_at)
     SELECT given.session_id, "user".id, ?, "user".credentials_version, 0, ?, ?, ?, ? FROM given JOIN "user" ON "user".id = given.user_id
     WHERE "user".is_active AND ${IS_OPENABLE}
     ON CONFLICT (id) DO NOTHING RETURNING id`,
    [...givenValues(session), scheme, createdAt, createdAt, expiresAt, refreshExpiresAt],
  );
  return opened.length > 0;
}

/**
 * Returns the beginning of a statement, which defines the table `given`. {@link givenValues} returns the parameters for
 * one token.
 */
function withGiven(count: number): string {
  const places = Array.from({ length: count }, () => "(?, ?, ?)").join(", ");
  return `WITH given (session_id, user_id, issued_at) AS (VALUES ${places})`;
}

function givenValues({ sessionId, userId, issuedAt }: IssuedToken): SqlValue[] {
  return [sessionId, userId, issuedAt ?? 0];
}
