import type { EndingQuery } from "../../sessions/session-ender.js";
import type { RunStatement } from "../../sql.js";

/** The number of users that one statement updates. One statement for all users could exceed the time limit. */
const PAGE_SIZE = 1000;

/**
 * Refuses the tokens and keys that Django has issued to a user, or to all users. Does not refuse tokens that were
 * issued at `createdBefore` or later. Ending sessions is not enough, because most of these tokens have no session yet.
 */
export async function refuseIssued(
  run: RunStatement,
  { userId, createdBefore = Infinity }: EndingQuery,
  now: number,
): Promise<void> {
  const issuedUntil = Math.min(Math.trunc(now), createdBefore - 1);
  const refuse = (condition: string, values: readonly string[]) =>
    run(
      `UPDATE django_user SET refused_before = ?
       WHERE COALESCE(refused_before, 0) < ? AND ${condition} RETURNING django_id`,
      [issuedUntil, issuedUntil, ...values],
    );
  if (userId !== undefined) {
    await refuse("user_id = ?", [userId]);
    return;
  }
  let after = "";
  for (;;) {
    const last = await lastOfPage(run, after);
    if (last === null) return;
    await refuse("django_id > ? AND django_id <= ?", [after, last]);
    after = last;
  }
}

/** Returns the last Django id of the page that starts after `after`. Returns null if no users are left. */
async function lastOfPage(run: RunStatement, after: string): Promise<string | null> {
  const page = await run<{ djangoId: string }>(
    `SELECT django_id AS "djangoId" FROM django_user WHERE django_id > ? ORDER BY django_id LIMIT ${PAGE_SIZE}`,
    [after],
  );
  return page.at(-1)?.djangoId ?? null;
}
