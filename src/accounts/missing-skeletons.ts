import type { TransactionalSql } from "../sql.js";

/** How many users one statement changes. */
const BATCH = 500;

/**
 * Stores the skeletons of users that an older version created, so that no new user can look like one of them. If two of
 * those users look alike, only one of them gets the skeleton. Both keep their names.
 */
export async function addMissingSkeletons(sql: TransactionalSql): Promise<void> {
  let after: string | undefined = "";
  while (after !== undefined) after = await addBatch(sql, after);
}

/** @returns the id of the last user of the batch, or undefined if no user is left */
async function addBatch(sql: TransactionalSql, after: string): Promise<string | undefined> {
  const users = await sql.read<{ id: string; username: string }>(
    `SELECT id, username FROM "user" WHERE username_skeleton IS NULL AND id > ? ORDER BY id LIMIT ${BATCH}`,
    [after],
  );
  if (users.length === 0) return undefined;
  const { skeletonsOf } = await import("./look-alikes.js");
  const rows = new Map<string, (string | null)[]>();
  for (const { id, username } of users) {
    const { folded, shown } = skeletonsOf(username);
    if (!rows.has(folded)) rows.set(folded, [id, username, folded, shown]);
  }
  const values = [...rows.values()];
  await sql.inTransaction((run) =>
    run(
      `WITH added (id, username, folded, shown) AS (VALUES ${values.map(() => "(?, ?, ?, ?)").join(", ")})
       UPDATE "user" SET username_skeleton = added.folded, shown_skeleton = added.shown FROM added
       WHERE "user".id = added.id AND "user".username = added.username
         AND NOT EXISTS (SELECT 1 FROM "user" other WHERE other.username_skeleton = added.folded)
       RETURNING "user".id`,
      values.flat(),
    ),
  );
  return users.at(-1)?.id;
}
