import type { RunStatement, Sql } from "../../sql.js";
import type { HashFunction } from "./hash-work.js";
import { readHash } from "./password-hashes.js";

/**
 * Stores the highest cost of the hashes, for each hash function. Never lowers a stored cost. Must run in the
 * transaction that stores the hashes.
 */
export async function storeCosts(
  run: RunStatement,
  passwordHashes: readonly (string | null)[],
): Promise<void> {
  const costs = new Map<HashFunction, number>();
  for (const passwordHash of passwordHashes) {
    const hash = passwordHash === null ? null : readHash(passwordHash);
    if (hash === null) continue;
    costs.set(hash.hashFunction, Math.max(hash.cost, costs.get(hash.hashFunction) ?? 0));
  }
  for (const [hashFunction, cost] of costs) {
    await run(
      `INSERT INTO django_password_cost (hash_function, cost) VALUES (?, ?)
       ON CONFLICT (hash_function) DO UPDATE SET cost = excluded.cost
       WHERE django_password_cost.cost < excluded.cost RETURNING cost`,
      [hashFunction, cost],
    );
  }
}

/** Returns the stored costs, or none if no user has a password hash of Django any more. */
export async function readCosts(
  sql: Pick<Sql, "read">,
): Promise<{ hashFunction: HashFunction; cost: number }[]> {
  return sql.read(
    `SELECT hash_function AS "hashFunction", cost FROM django_password_cost
     WHERE EXISTS (SELECT 1 FROM "user" WHERE substr(password_hash, 1, 1) <> '$') ORDER BY hash_function`,
    [],
  );
}
