import { type Problem, WrongSettings } from "../config/problems.js";
import type { Sql } from "../sql.js";
import type { Roles } from "./role.js";

/**
 * Finds the roles in the table `profile` that are not in a list. The caller appends the list, such as `(?, ?)`. The
 * recursion jumps from role to role in the index, so that it does not read every row.
 */
const OTHER_ROLES = `
  WITH RECURSIVE present (role) AS (
    SELECT MIN(role) FROM profile
    UNION ALL
    SELECT (SELECT MIN(role) FROM profile WHERE role > present.role) FROM present WHERE role IS NOT NULL)
  SELECT role FROM present WHERE role NOT IN`;

/**
 * Requires that the setting `roles` includes every role that users have. A user whose role is missing from the setting
 * would lose all rights.
 * @throws {@link WrongSettings}
 */
export async function requireKnownRoles(sql: Sql, { names }: Roles): Promise<void> {
  const others = await sql.readOnce<{ role: string }>(`${OTHER_ROLES} ${places(names)}`, names);
  if (others.length === 0) return;
  const roles = others.map(({ role }) => role);
  const counted = await sql.readOnce<{ role: string; users: number }>(
    `SELECT role, COUNT(*) AS users FROM profile WHERE role IN ${places(roles)} GROUP BY role ORDER BY role`,
    roles,
  );
  throw new WrongSettings(counted.map(toProblem));
}

function places(values: readonly string[]): string {
  return `(${values.map(() => "?").join(", ")})`;
}

function toProblem({ role, users }: { role: string; users: number }): Problem {
  const have = users === 1 ? "1 user has" : `${users} users have`;
  const message = `must include ${JSON.stringify(role)}, because ${have} that role; keep it until no user has it`;
  return { option: "roles", message };
}
