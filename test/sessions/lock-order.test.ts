import { expect, test } from "@jest/globals";
import { describePostgres } from "../support/databases.js";
import { eventually } from "../support/eventually.js";
import { setUpFreshGate } from "../support/gate.js";
import { countWaiting, lockPostgres } from "../support/locks.js";

const DAY = 86_400;
/** More than the 100 open sign-ins that a user may have. */
const MANY = 105;

// If all statements lock sessions in one order, no two of them can wait for each other.
describePostgres("on PostgreSQL, sessions are locked in the order of their ids", () => {
  const gate = setUpFreshGate({}, "postgresql");

  /** Opens sessions of a user, and stores them in the opposite order. Returns the user's id, and their ids in order. */
  async function openMany(): Promise<{ userId: string; ids: string[] }> {
    const userId = await gate.user("ada");
    await gate.issue(userId);
    await gate.sql("CREATE TABLE opened AS SELECT * FROM session");
    await gate.sql("DELETE FROM session");
    const other = "jsonb_build_object('id', md5(n::text), 'created_at', o.created_at - n)";
    await gate.sql(`INSERT INTO session SELECT (jsonb_populate_record(null::session, to_jsonb(o) || ${other})).*
         FROM opened o, generate_series(1, ${MANY}) n ORDER BY md5(n::text) DESC`);
    const rows = await gate.sql("SELECT id FROM session ORDER BY id");
    return { userId, ids: rows.map(({ id }) => id) };
  }

  /** Locks a session, and waits until the change waits for it. Returns the ids of the sessions that are still free. */
  async function freeDuring(locked: string, change: () => Promise<unknown>): Promise<string[]> {
    const lock = lockPostgres(`SELECT id FROM session WHERE id = '${locked}' FOR UPDATE`);
    const release = await lock(gate);
    const changing = change();
    await eventually(async () => (await countWaiting(gate)) === 1);
    const free = await gate.sql("SELECT id FROM session ORDER BY id FOR UPDATE SKIP LOCKED");
    await release();
    await changing;
    return free.map(({ id }) => id);
  }

  test.each<[what: string, change: (userId: string, ids: readonly string[]) => Promise<unknown>]>([
    ["a logout of all", (userId) => gate.auth.sessions.endAll(userId)],
    ["an end of all sessions", () => gate.core.sessions.endMatching({}, "revoked")],
    ["a deactivation", (userId) => gate.auth.accounts.setActive(userId, false)],
    [
      "a password change that keeps a session",
      (userId, ids) =>
        gate.auth.accounts.setPassword(userId, "another long passphrase", {
          keepSession: ids.at(-1)!,
        }),
    ],
    ["a prune", () => (gate.advance(365 * DAY), gate.auth.maintenance.prune())],
  ])("by %s", async (_what, change) => {
    const { userId, ids } = await openMany();
    expect(await freeDuring(ids[0]!, () => change(userId, ids))).toEqual(ids.slice(1));
  });

  test("a login ends the oldest sessions in this order, too", async () => {
    const { userId, ids } = await openMany();
    const oldest = await gate.sql("SELECT id FROM session ORDER BY created_at LIMIT 6");
    const [first] = oldest.map(({ id }) => id).sort();
    const free = await freeDuring(first, () => gate.issue(userId));
    // The new session is free, too, if it is already stored.
    expect(free).toEqual(expect.arrayContaining(ids.filter((id) => id !== first)));
  });
});
