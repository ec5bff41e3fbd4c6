import type { Gate } from "../support/gate.js";

const HOUR = 3_600_000;

/**
 * Inserts sessions of a user directly into the database.
 * @param expiresAt epoch milliseconds. @default an hour ago
 */
export async function addSessions(
  gate: Gate,
  userId: string,
  amount: number,
  expiresAt = gate.now - HOUR,
): Promise<void> {
  const numbers = gate.databaseUrl.startsWith("sqlite:")
    ? `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${amount})`
    : `WITH n AS (SELECT i FROM generate_series(1, ${amount}) AS i)`;
  await gate.sql(
    `${numbers} INSERT INTO session (id, user_id, scheme, credentials_version, created_at, rotated_at, expires_at, refresh_expires_at)
     SELECT 'row' || i || '-' || ${expiresAt}, '${userId}', 'JWT', 0, 1, 1, ${expiresAt}, ${expiresAt} FROM n`,
  );
}

export async function countSessions(gate: Gate): Promise<number> {
  const [{ count }] = await gate.sql("SELECT count(*) AS count FROM session");
  return Number(count);
}

/** Returns the ids of all sessions, sorted. */
export async function findSessionIds(gate: Gate): Promise<string[]> {
  return (await gate.sql("SELECT id FROM session ORDER BY id")).map(({ id }) => id);
}

/** Returns the ids of all signing keys, sorted. */
export async function findKeyIds(gate: Gate): Promise<string[]> {
  return (await gate.sql("SELECT kid FROM signing_key ORDER BY kid")).map(({ kid }) => kid);
}
