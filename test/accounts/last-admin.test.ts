import { describe, expect, test } from "@jest/globals";
import type { Accounts } from "../../src/accounts/accounts.js";
import { BadUserInput } from "../../src/errors.js";
import { eventually } from "../support/eventually.js";
import { describeFreshGates } from "../support/gate.js";
import { countWaiting, LOCK_PROFILES, LOCK_USERS } from "../support/locks.js";

type Change = (accounts: Accounts, id: string) => Promise<void>;

const CHANGES = {
  demotion: (accounts, id) => accounts.setRole(id, "USER"),
  deactivation: (accounts, id) => accounts.setActive(id, false),
  deletion: (accounts, id) => accounts.deleteUser(id),
} satisfies Record<string, Change>;

describeFreshGates((gate, database) => {
  /**
   * Locks all users or all profiles, and starts one change on each of two servers. Releases the locks when both
   * changes wait.
   */
  async function runTogether(changes: readonly (readonly [Change, id: string])[]) {
    const servers = [gate, await gate.another()];
    const areDemotions = changes.every(([change]) => change === CHANGES.demotion);
    const lock = areDemotions ? LOCK_PROFILES : LOCK_USERS;
    const release = await lock[database](gate);
    const running = Promise.allSettled(
      changes.map(([change, id], index) => change(servers[index]!.auth.accounts, id)),
    );
    try {
      // On SQLite no check is possible or needed, because a statement that waits there has read nothing yet.
      if (database === "postgresql") await eventually(async () => (await countWaiting(gate)) === 2);
    } finally {
      await release();
    }
    return running;
  }

  describe("two admins who change each other at the same time", () => {
    test.each([
      ["demotion", "demotion"],
      ["deactivation", "deactivation"],
      ["deletion", "deletion"],
      ["demotion", "deactivation"],
      ["deactivation", "deletion"],
    ] as const)(
      "G-22: a %s and a %s: one succeeds, and the other is refused",
      async (first, second) => {
        const [ada, bob] = [
          await gate.user("ada", { role: "ADMIN" }),
          await gate.user("bob", { role: "ADMIN" }),
        ];
        const results = await runTogether([
          [CHANGES[first], bob],
          [CHANGES[second], ada],
        ]);
        const refusals = results.flatMap((result) =>
          result.status === "rejected" ? [result.reason as unknown] : [],
        );
        expect(refusals).toEqual([
          new BadUserInput(
            "This user is the last active ADMIN. Give another user the role ADMIN first.",
          ),
        ]);
        const admins = await gate.sql(
          `SELECT id FROM "user" JOIN profile ON user_id = id WHERE is_active AND role = 'ADMIN'`,
        );
        expect(admins).toHaveLength(1);
      },
    );
  });
});
