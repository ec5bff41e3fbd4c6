import type { DirectableObject } from "@graphql-tools/utils";
import {
  type GraphQLField,
  type GraphQLFieldMap,
  type GraphQLInterfaceType,
  type GraphQLNamedType,
  type GraphQLObjectType,
  type GraphQLSchema,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
} from "graphql";
import { DEFAULT_ROLES, Roles } from "../accounts/role.js";
import { type Guard, PUBLIC, readGuard } from "./directives.js";
import { isServiceField } from "./federation.js";

/** The options of `auth.guard`. */
export interface GuardOptions {
  /**
   * Whether every root field must have `@auth` or `@public`. If false, a root field without a directive requires a
   * signed-in user. Federation's `_service` is public unless it or `Query` has a directive. @default false
   */
  strict?: boolean;
  /** How many entities of federation's `_entities` one request may load: a whole number from 1. @default 100 */
  maxEntities?: number;
}

/** Maps fields such as `User.email` to their guards. Contains all guarded fields and all root fields. */
export type GuardMap = ReadonlyMap<string, Exclude<Guard, null>>;

/**
 * Reads the guards of a schema's fields.
 * @throws TypeError that lists every wrong guard, for example a guard with an unknown role
 */
export function readGuards(
  schema: GraphQLSchema,
  options: GuardOptions,
  roles = new Roles(DEFAULT_ROLES),
): GuardMap {
  return new GuardReader(schema, options, roles).read();
}

class GuardReader {
  readonly #schema: GraphQLSchema;
  readonly #strict: boolean;
  readonly #roles: Roles;
  readonly #roots: ReadonlySet<unknown>;
  readonly #problems: string[] = [];

  constructor(schema: GraphQLSchema, { strict = false }: GuardOptions, roles: Roles) {
    this.#schema = schema;
    this.#strict = strict;
    this.#roles = roles;
    this.#roots = new Set([
      schema.getQueryType(),
      schema.getMutationType(),
      schema.getSubscriptionType(),
    ]);
  }

  read(): GuardMap {
    const guards = new Map<string, Exclude<Guard, null>>();
    this.#requireOwnDirective();
    this.#refuse([["schema", this.#schema]]);
    for (const type of Object.values(this.#schema.getTypeMap())) {
      this.#refuseInertGuards(type);
      if (!isObjectType(type)) continue;
      for (const field of Object.values(type.getFields())) {
        const guard = this.#fieldGuard(type, field);
        if (guard !== null) guards.set(`${type.name}.${field.name}`, guard);
      }
    }
    if (this.#problems.length > 0) {
      throw new TypeError(`The schema's guards are wrong:\n- ${this.#problems.join("\n- ")}`);
    }
    return guards;
  }

  /** Refuses a definition of `@auth` that has no argument `requires`. Such a definition belongs to another library. */
  #requireOwnDirective(): void {
    const auth = this.#schema.getDirective("auth");
    if (auth && !auth.args.some(({ name }) => name === "requires")) {
      this.#problems.push("@auth is defined without the argument `requires`");
    }
  }

  #fieldGuard(type: GraphQLObjectType, field: GraphQLField<unknown, unknown>): Guard {
    const { name } = field;
    const at = `${type.name}.${name}`;
    const own = this.#read(at, field);
    const fromType = this.#read(type.name, type);
    const isRoot = this.#roots.has(type);
    if (own === PUBLIC && !isRoot) {
      this.#problems.push(`${at}: @public has an effect on root fields only`);
    }
    if (own !== null && this.#isWeaker(own, fromType)) {
      this.#problems.push(`${at}: is weaker than the guard of ${type.name}`);
    }
    const guard = own ?? fromType;
    for (const parent of type.getInterfaces()) {
      const required = this.#read(`${parent.name}.${name}`, parent.getFields()[name] ?? {});
      if (this.#isWeaker(guard, required)) {
        this.#problems.push(`${at}: is weaker than the guard of ${parent.name}.${name}`);
      }
    }
    if (guard !== null || !isRoot) return guard;
    if (isServiceField(this.#schema, type, field)) return PUBLIC;
    if (this.#strict) this.#problems.push(`${at}: has neither @auth nor @public`);
    return { role: this.#roles.lowest, freshness: null, needsSecondFactor: false };
  }

  /** Reports guards that would have no effect, such as a guard on an argument. */
  #refuseInertGuards(type: GraphQLNamedType): void {
    if (isInterfaceType(type)) this.#refuseUnimplemented(type);
    if (!isObjectType(type)) this.#refuse([[type.name, type]]);
    if (isObjectType(type) || isInterfaceType(type)) this.#refuse(argumentsOf(type));
    if (isInputObjectType(type))
      this.#refuse(membersOf(type.name, Object.values(type.getFields())));
    if (isEnumType(type)) this.#refuse(membersOf(type.name, type.getValues()));
  }

  #refuse(elements: readonly [at: string, element: DirectableObject][]): void {
    for (const [at, element] of elements) {
      if (this.#read(at, element) !== null) this.#problems.push(`${at}: a guard cannot run here`);
    }
  }

  #refuseUnimplemented(type: GraphQLInterfaceType): void {
    for (const [name, field] of Object.entries(type.getFields())) {
      const at = `${type.name}.${name}`;
      const guard = this.#read(at, field);
      if (guard === PUBLIC) this.#problems.push(`${at}: @public has an effect on root fields only`);
      if (guard !== null && this.#schema.getImplementations(type).objects.length === 0) {
        this.#problems.push(
          `${at}: a guard cannot run here, because nothing implements ${type.name}`,
        );
      }
    }
  }

  #read(at: string, element: DirectableObject): Guard {
    try {
      return readGuard(this.#schema, element, this.#roles);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      const problem = `${at}: ${error.message}`;
      if (!this.#problems.includes(problem)) this.#problems.push(problem);
      return null;
    }
  }

  #isWeaker(guard: Guard, required: Guard): boolean {
    if (required === null || required === PUBLIC) return false;
    if (guard === null || guard === PUBLIC) return true;
    const longest = required.freshness?.seconds ?? Infinity;
    return (
      !this.#roles.isAtLeast(guard.role, required.role) ||
      (guard.freshness?.seconds ?? Infinity) > longest ||
      (required.needsSecondFactor && !guard.needsSecondFactor)
    );
  }
}

function argumentsOf(type: { name: string; getFields: () => GraphQLFieldMap<unknown, unknown> }) {
  return Object.values(type.getFields()).flatMap((field) =>
    membersOf(`${type.name}.${field.name}`, field.args),
  );
}

function membersOf(
  at: string,
  members: readonly (DirectableObject & { name: string })[],
): [string, DirectableObject][] {
  return members.map((member) => [`${at}.${member.name}`, member]);
}
