/** The default of the setting `roles`, lowest role first. */
export const DEFAULT_ROLES = ["USER", "ADMIN"] as const;

/**
 * Declares the names in the setting `roles` to TypeScript. An application adds its names like this:
 * `declare module "graphql-gatehouse" { interface CustomTypes { role: "READER" | "OWNER" } }`.
 */
// eslint-disable-next-line @typescript-eslint/no-empty-object-type
export interface CustomTypes {}

/** The name of a role: `USER` or `ADMIN`, unless the application declares other names with {@link CustomTypes}. */
export type Role = CustomTypes extends { role: infer Name extends string }
  ? Name
  : (typeof DEFAULT_ROLES)[number];

/** The roles of a server. Each role includes the rights of all lower roles. */
export class Roles {
  /** The names of the roles, lowest first. */
  readonly names: readonly Role[];
  /** The role of new users, and of users without a Profile. */
  readonly lowest: Role;
  /** The highest role, which administrators have. */
  readonly admin: Role;
  readonly #ranks: ReadonlyMap<unknown, number>;

  /** @param names at least two names, lowest first */
  constructor(names: readonly string[] = DEFAULT_ROLES) {
    const ordered = [...names] as [Role, ...Role[]];
    this.names = Object.freeze(ordered);
    this.lowest = ordered[0];
    this.admin = ordered.at(-1) ?? this.lowest;
    this.#ranks = new Map(this.names.map((name, rank) => [name, rank]));
  }

  has(value: unknown): value is Role {
    return this.#ranks.has(value);
  }

  /**
   * Returns whether the role `actual` is at least `required`. An unknown `actual` is below every role.
   * @throws TypeError when `required` is not a role
   */
  isAtLeast(actual: Role, required: Role): boolean {
    const rank = this.#ranks.get(required);
    if (rank === undefined) throw new TypeError(this.describeUnknown(required));
    return (this.#ranks.get(actual) ?? -1) >= rank;
  }

  describeUnknown(role: unknown): string {
    const name = typeof role === "string" ? JSON.stringify(role) : `of type ${typeof role}`;
    return `There is no role ${name}; use ${this.toString()}.`;
  }

  /** Returns text such as `USER or ADMIN`. */
  toString(): string {
    return [this.names.slice(0, -1).join(", "), this.admin].join(" or ");
  }
}
