import { InvalidArgumentError } from "commander";
import type { Role, Roles } from "../accounts/role.js";
import type { User } from "../accounts/user.js";
import { BadUserInput } from "../errors.js";
import type { Installation } from "./installation.js";

/** Returns a user in the form that commands print with `--json`. */
export function describeUser({ id, username, email, role, isActive, ...user }: User) {
  const [createdAt, lastLoginAt] = [user.createdAt, user.lastLoginAt].map(toIso);
  return { id, username, email, role, isActive, createdAt, lastLoginAt };
}

/** @param instant epoch milliseconds */
export function toIso(instant: number | null): string | null {
  return instant === null ? null : new Date(instant).toISOString();
}

/** Returns the names of the roles in lower case, or null if the settings are wrong. */
export function roleNames(installation: Installation): string[] | null {
  return installation.findRoles()?.names.map((name) => name.toLowerCase()) ?? null;
}

/** Returns a parser that accepts these role names, in upper or lower case. */
export function parseRole(names: readonly string[]): (given: string) => string {
  return (given) => {
    if (names.includes(given.toLowerCase())) return given;
    throw new InvalidArgumentError(`Allowed choices are ${names.join(", ")}.`);
  };
}

export function roleNamed(given: string, roles: Roles): Role {
  const found = roles.names.find((name) => name.toLowerCase() === given.toLowerCase());
  if (found === undefined) throw new BadUserInput(`role must be ${roles.toString()}.`);
  return found;
}
