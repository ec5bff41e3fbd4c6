import type { RunStatement, TransactionalSql } from "../sql.js";

const BATCH = 500;

interface NamedUser {
  readonly id: string;
  readonly username: string;
}

/**
 * Stores a skeleton for each user whom an older Gatehouse created without one. Names that look alike have the same
 * skeleton. Without it, a new user could take a name that looks like an existing name. Users whose names already look
 * alike keep their names.
 */
export async function addMissingSkeletons(sql: TransactionalSql): Promise<void> {
  const missing = `SELECT id, username FROM "user" WHERE username_skeleton IS NULL LIMIT ${BATCH}`;
  for (;;) {
    const users = await sql.read<NamedUser>(missing, []);
    if (users.length === 0) return;
    await sql.inTransaction((run) => addBatch(run, users));
  }
}

async function addBatch(run: RunStatement, users: readonly NamedUser[]): Promise<void> {
  const { skeletonsOf } = await import("./look-alikes.js");
  const named = users.map(({ id, username }) => ({ id, ...skeletonsOf(username) }));
  const stored = await run<{ skeleton: string }>(
    `SELECT username_skeleton AS skeleton FROM "user" WHERE username_skeleton IN ${list(named.length, "?")}`,
    named.map(({ folded }) => folded),
  );
  const taken = new Set(stored.map(({ skeleton }) => skeleton));
  const values = named.flatMap(({ id, folded, shown }) => {
    const isTaken = taken.size === taken.add(folded).size;
    // The column username_skeleton is unique, so append `#` and the id to a taken skeleton. No user name contains `#`,
    // so no name has this longer skeleton. Store the plain skeleton in shown_skeleton, which is not unique.
    return isTaken ? [id, `${folded}#${id}`, folded] : [id, folded, shown];
  });
  await run(
    `WITH added (id, folded, shown) AS (VALUES ${list(named.length, "(?, ?, ?)").slice(1, -1)})
     UPDATE "user" SET username_skeleton = added.folded, shown_skeleton = added.shown FROM added
     WHERE "user".id = added.id AND "user".id IN ${list(named.length, "?")} AND username_skeleton IS NULL
     RETURNING "user".id`,
    [...values, ...named.map(({ id }) => id)],
  );
}

function list(length: number, item: string): string {
  return `(${Array.from({ length }, () => item).join(", ")})`;
}
