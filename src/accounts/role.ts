/** The roles a Profile can hold, ordered: each may do what those before it may. */
export const ROLES = ["USER", "ADMIN"] as const;

/** A Profile's role. */
export type Role = (typeof ROLES)[number];

/** Whether `value` names a role, exactly. */
export function isRole(value: unknown): value is Role {
  return ROLES.some((role) => role === value);
}

/**
 * Whether a user with role `actual` may do what `required` asks for.
 * @throws TypeError where `required` is no role, so that a misspelt one opens nothing
 */
export function isAtLeast(actual: Role, required: Role): boolean {
  if (!isRole(required)) throw new TypeError(`There is no role ${JSON.stringify(required)}.`);
  return ROLES.indexOf(actual) >= ROLES.indexOf(required);
}
