import type { Gate } from "../support/gate.js";

/** Inserts users as an older version stored them, with one statement. Their ids count from 0, in 32 hexadecimal digits. */
export async function insertUsers(
  gate: Pick<Gate, "sql">,
  names: readonly string[],
  createdAt: number,
): Promise<void> {
  const rows = names.map((name, index) => [
    index.toString(16).padStart(32, "0"),
    name,
    name,
    createdAt,
  ]);
  await gate.sql(
    `INSERT INTO "user" (id, username, username_key, created_at)
     VALUES ${rows.map(() => "(?, ?, ?, ?)").join(", ")} RETURNING id`,
    rows.flat(),
  );
}
