import { type Problem, WrongSettings } from "../config/problems.js";
import type { Sql } from "../sql.js";
import type { Roles } from "./role.js";

/**
 * Requires that each user's role is one of `roles`. Called at startup, because a user whose role is unknown could do
 * nothing.
 * @throws {@link WrongSettings} that lists the unknown roles, and says how many users have each
 */
export async function requireKnownRoles(sql: Sql, { names }: Roles): Promise<void> {
  const places = names.map(() => "?").join(", ");
  const others = await sql.read<{ role: string; users: number | string }>(
    `SELECT role, COUNT(*) AS users FROM profile WHERE role NOT IN (${places}) GROUP BY role ORDER BY role`,
    [...names],
  );
  if (others.length > 0) throw new WrongSettings(others.map(toProblem));
}

function toProblem({ role, users }: { role: string; users: number | string }): Problem {
  const have = Number(users) === 1 ? "1 user has" : `${users} users have`;
  const message = `must include ${JSON.stringify(role)}, because ${have} that role; keep it until no user has it`;
  return { option: "roles", message };
}
