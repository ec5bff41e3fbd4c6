/** The roles, lowest first. Each may do everything that the roles before it may. */
export const ROLES = ["USER", "ADMIN"] as const;

/** The role of a user, from the Profile. */
export type Role = (typeof ROLES)[number];

/** Returns whether `value` is exactly the name of a role. */
export function isRole(value: unknown): value is Role {
  return ROLES.some((role) => role === value);
}

/**
 * Returns whether the role `actual` is at least `required`.
 * @throws TypeError when there is no role `required`, so that a misspelt role grants nothing
 */
export function isAtLeast(actual: Role, required: Role): boolean {
  if (!isRole(required))
    throw new TypeError(`There is no role ${JSON.stringify(required)}; use ${ROLES.join(" or ")}.`);
  return ROLES.indexOf(actual) >= ROLES.indexOf(required);
}
