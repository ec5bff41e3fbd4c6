import { z } from "zod";
import { DEFAULT_ROLES, Roles } from "../accounts/role.js";
import type { Setting } from "./setting.js";
import { parseList } from "./variable-text.js";

const ENUM_NAME = /^(?!__)[_A-Za-z]\w{0,63}$/;
/** The names that GraphQL forbids for enum values. @see https://spec.graphql.org/October2021/#EnumValue */
const NO_ENUM_NAMES = ["true", "false", "null"];
const MAX_ROLES = 100;

/** Returns what is wrong with a list of roles, such as "is not a list". Returns "" if nothing is wrong. */
function findFault(value: unknown): string {
  if (!Array.isArray(value)) return "is not a list";
  // The list may have a hole, as in `["A", , "B"]`, which `every` would skip. The copy has `undefined` in that place.
  const names: readonly unknown[] = [...(value as unknown[])];
  if (!names.every(isEnumName)) {
    return "has a name that GraphQL does not allow; use up to 64 letters, digits and _, start with a letter or a single _, and do not use true, false or null";
  }
  // People would confuse names that differ only in case.
  if (new Set(names.map((name) => name.toLowerCase())).size < names.length) {
    return "has the same name twice, ignoring case";
  }
  if (names.length < 2)
    return "has fewer; the first is for new users, and the last for administrators";
  return names.length > MAX_ROLES ? `has more than ${MAX_ROLES}` : "";
}

function isEnumName(name: unknown): name is string {
  return typeof name === "string" && ENUM_NAME.test(name) && !NO_ENUM_NAMES.includes(name);
}

export const ROLE_LIST = {
  variable: "ROLES",
  check: z
    .custom<readonly string[]>((value) => findFault(value) === "")
    .optional()
    .transform((names) => new Roles(names)),
  read: parseList,
  allowed: {
    option: "a list of at least two names",
    variable: "at least two names, separated by commas",
  },
  fault: findFault,
  default: { option: JSON.stringify(DEFAULT_ROLES), variable: DEFAULT_ROLES.join(",") },
} satisfies Setting;
