import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { acquireLease, whileRenewed } from "../../maintenance/lease.js";
import type { Sql } from "../../sql.js";

/**
 * How long the lease lasts, in milliseconds. If an import is killed, the next import waits until this lease has
 * expired.
 */
const LEASE = 15_000;
const RENEWAL = 5000;
/** Milliseconds between two attempts to acquire the lease. */
const PAUSE = 500;

/**
 * Waits until no other import writes to the same database, and then runs an import. Two imports at the same time could
 * replace newer data of Django with older data.
 * @param onWait called once if another import runs
 */
export async function runAlone(
  sql: Sql,
  onWait: () => void,
  run: () => Promise<void>,
): Promise<void> {
  const lease = { name: "import-django", holder: randomUUID(), duration: LEASE };
  // Use the machine's clock, because the clock in the settings may stand still, as in tests. The lease would then never
  // expire.
  const acquire = () => acquireLease(sql, lease, Date.now());
  let isAlone = await acquire();
  if (!isAlone) onWait();
  while (!isAlone) {
    await sleep(PAUSE);
    isAlone = await acquire();
  }
  try {
    await whileRenewed(acquire, RENEWAL, run);
  } finally {
    const release = "DELETE FROM lease WHERE name = ? AND holder = ? RETURNING name";
    await sql.write(release, [lease.name, lease.holder]).catch(() => undefined);
  }
}
