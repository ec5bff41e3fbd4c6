import { z } from "zod";
import type { Role, Roles } from "../../accounts/role.js";
import type { Setting } from "../../config/setting.js";

const PREFIX = "required-for:";
const ALLOWED = /^(off|optional|required|required-for:\w{1,64})$/;

/**
 * Who has a second factor: nobody (`off`), all who want one (`optional`), or everyone (`required`). With
 * `required-for:ADMIN`, users with this role or a higher one must have a second factor, and all others may have one.
 */
export type SecondFactorPolicy = "off" | "optional" | "required" | `required-for:${string}`;

export const POLICY = {
  variable: "SECOND_FACTOR",
  check: z
    .custom<SecondFactorPolicy>((value) => typeof value === "string" && ALLOWED.test(value))
    .default("off"),
  allowed: "off, optional, required, or required-for: with a role, such as required-for:ADMIN",
  default: { option: '"off"', variable: "off" },
} satisfies Setting;

/** Returns the name of the role in the policy, or null. */
export function roleIn(policy: SecondFactorPolicy): string | null {
  return policy.startsWith(PREFIX) ? policy.slice(PREFIX.length) : null;
}

/** Returns the roles that must have a second factor. */
export function rolesRequired(policy: SecondFactorPolicy, roles: Roles): readonly Role[] {
  if (policy === "required") return roles.names;
  const first = roleIn(policy);
  return first === null ? [] : roles.names.slice(roles.names.indexOf(first as Role));
}
