import type { Sql } from "../sql.js";

/** A lease that only one process can hold at a time. If the process dies, the lease expires. */
export interface Lease {
  readonly name: string;
  /** The id of the process. */
  readonly holder: string;
  /** How long the lease lasts without a renewal, in milliseconds. */
  readonly duration: number;
}

/**
 * Acquires or renews a lease. Takes over an existing lease that would last for more than twice its duration, because a
 * process with a wrong clock must have written it.
 * @param now epoch milliseconds
 * @returns whether `holder` holds the lease now
 */
export async function acquireLease(
  sql: Pick<Sql, "write">,
  { name, holder, duration }: Lease,
  now: number,
): Promise<boolean> {
  const acquired = await sql.write(
    `INSERT INTO lease (name, holder, expires_at) VALUES (?, ?, ?)
     ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at
     WHERE lease.expires_at <= ? OR lease.expires_at > ? OR lease.holder = excluded.holder RETURNING name`,
    [name, holder, now + duration, now, now + 2 * duration],
  );
  return acquired.length === 1;
}

/**
 * Renews a lease while `run` runs.
 * @param renew renews the lease. An error is ignored, because the next renewal may succeed before the lease expires
 * @param interval between two renewals, in milliseconds
 */
export async function whileRenewed(
  renew: () => Promise<unknown>,
  interval: number,
  run: () => Promise<unknown>,
): Promise<void> {
  const renewal = setInterval(() => void renew().catch(() => undefined), interval).unref();
  try {
    await run();
  } finally {
    clearInterval(renewal);
  }
}
