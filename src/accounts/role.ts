/** The roles of an installation that sets none of its own. */
export const DEFAULT_ROLES = ["USER", "ADMIN"] as const;

/**
 * Tells TypeScript the types that an application has set.
 * @example
 * declare module "graphql-gatehouse" {
 *   interface CustomTypes {
 *     role: "READER" | "EDITOR" | "OWNER";
 *   }
 * }
 */
// An application merges its own members into it.
// eslint-disable-next-line @typescript-eslint/no-empty-object-type
export interface CustomTypes {}

/** The role of a user, from the Profile: `USER` or `ADMIN`, unless {@link CustomTypes} says otherwise. */
export type Role = CustomTypes extends { role: infer Name extends string }
  ? Name
  : (typeof DEFAULT_ROLES)[number];

/** The roles of an installation. Each may do everything that the roles before it may. */
export class Roles {
  /** Lowest first. */
  readonly names: readonly Role[];
  /** The role of a new user, and of a user without a Profile. */
  readonly lowest: Role;
  /** The role that administers. */
  readonly admin: Role;
  readonly #ranks: ReadonlyMap<unknown, number>;

  /** @param names lowest first, at least two, checked by the setting `roles` */
  constructor(names: readonly string[] = DEFAULT_ROLES) {
    this.names = Object.freeze([...names]) as readonly Role[];
    this.lowest = this.names[0] as Role;
    this.admin = this.names.at(-1) as Role;
    this.#ranks = new Map(this.names.map((name, rank) => [name, rank]));
  }

  /** Returns whether `value` is exactly the name of a role. */
  has(value: unknown): value is Role {
    return this.#ranks.has(value);
  }

  /**
   * Returns whether the role `actual` is at least `required`. An unknown `actual` is below every role.
   * @throws TypeError when there is no role `required`, so that a misspelt role grants nothing
   */
  isAtLeast(actual: Role, required: Role): boolean {
    const rank = this.#ranks.get(required);
    if (rank === undefined) throw new TypeError(this.describeUnknown(required));
    return (this.#ranks.get(actual) ?? -1) >= rank;
  }

  /** Says that there is no such role, and which there are. */
  describeUnknown(role: unknown): string {
    const name = typeof role === "string" ? JSON.stringify(role) : `of type ${typeof role}`;
    return `There is no role ${name}; use ${this.toString()}.`;
  }

  /** Lists the names: `USER or ADMIN`. */
  toString(): string {
    return [this.names.slice(0, -1).join(", "), this.admin].join(" or ");
  }
}

const ENUM_NAME = /^(?!__)[_A-Za-z]\w{0,63}$/;
/** The names that no enum value of GraphQL may have. @see https://spec.graphql.org/October2021/#EnumValue */
const NO_ENUM_NAMES = ["true", "false", "null"];
/** The most roles that one installation may have. */
const MAX_ROLES = 100;

/** Says what is wrong with a list of roles, to follow "but". Empty if nothing is. */
export function findFaultOfRoles(value: unknown): string {
  if (!Array.isArray(value)) return "is not a list";
  const names: readonly unknown[] = value;
  if (!names.every(isEnumName)) {
    return "has a name that GraphQL does not allow: up to 64 letters, digits and _, but no digit or __ first, and not true, false or null";
  }
  // Names that differ only in case would be taken for one another.
  if (new Set(names.map((name) => name.toLowerCase())).size < names.length) {
    return "has a name twice, in any case";
  }
  if (names.length < 2) return "has no role that administers beside that of new users";
  return names.length > MAX_ROLES ? `has more than ${MAX_ROLES}` : "";
}

function isEnumName(name: unknown): name is string {
  return typeof name === "string" && ENUM_NAME.test(name) && !NO_ENUM_NAMES.includes(name);
}
