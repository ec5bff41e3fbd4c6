import type { DirectableObject } from "@graphql-tools/utils";
import {
  type DirectiveNode,
  DirectiveLocation,
  GraphQLDirective,
  GraphQLEnumType,
  GraphQLNonNull,
  type GraphQLSchema,
  GraphQLString,
  Kind,
  valueFromASTUntyped,
  visit,
} from "graphql";
import type { Role, Roles } from "../accounts/role.js";
import { type Freshness, parseFreshness } from "./freshness.js";

/**
 * Stands for the highest role in decorators, because they run before the setting `roles` is read. No role has this
 * name, because role names must not start with `__`.
 */
const ADMIN_PLACEHOLDER = "__ADMIN";

/** An argument for type-graphql's `@Directive`. Requires the role of administrators. */
export const ADMIN_ONLY = `@auth(requires: ${ADMIN_PLACEHOLDER})`;

/** An administrator who changes another user must have proved who they are within this time. */
export const ADMIN_FRESHNESS = "12h";

/** Like {@link ADMIN_ONLY}, but the administrator must also have proved who they are within {@link ADMIN_FRESHNESS}. */
export const FRESH_ADMIN_ONLY = `@auth(requires: ${ADMIN_PLACEHOLDER}, freshWithin: "${ADMIN_FRESHNESS}")`;

/** The guard of a field that is open to everyone. */
export const PUBLIC = "@public";

/** The guard of a field for signed-in users. */
export interface UserGuard {
  readonly role: Role;
  /** How recently the user must have proved who they are. Null if the time does not matter. */
  readonly freshness: Freshness | null;
  /** Whether the user must have proved a second factor in this session, within `freshness` if that is set. */
  readonly needsSecondFactor: boolean;
}

/** The guard of a field or type. Null means no guard. */
export type Guard = UserGuard | typeof PUBLIC | null;

/** The value of `with` in `@auth`. */
const STRENGTH = "SECOND_FACTOR";

export function createDirectives(role: GraphQLEnumType, roles: Roles): GraphQLDirective[] {
  return [
    new GraphQLDirective({
      name: "auth",
      description:
        "Requires a signed-in user with at least the role `requires`. With `freshWithin`, such as `15m`, the user must have proved who they are in this session within that time, such as by a password. `with: SECOND_FACTOR` requires a second factor in this session instead. On an object type, the directive guards every field.",
      locations: [DirectiveLocation.FIELD_DEFINITION, DirectiveLocation.OBJECT],
      args: {
        requires: { type: new GraphQLNonNull(role), defaultValue: roles.lowest },
        freshWithin: { type: GraphQLString },
        with: {
          type: new GraphQLEnumType({
            name: "AuthStrength",
            values: {
              [STRENGTH]: {
                description: "A second factor, such as a code from an authenticator app.",
              },
            },
          }),
        },
      },
    }),
    new GraphQLDirective({
      name: "public",
      description: "Open to everyone, without a login.",
      locations: [DirectiveLocation.FIELD_DEFINITION],
    }),
  ];
}

/**
 * Returns `node` with the highest role in place of the placeholder of {@link ADMIN_ONLY} and {@link FRESH_ADMIN_ONLY}.
 */
export function withAdminRole<Node extends { readonly kind: Kind }>(
  node: Node,
  roles: Roles,
): Node {
  return visit(node as never, {
    EnumValue: (value) =>
      value.value === ADMIN_PLACEHOLDER ? { ...value, value: roles.admin } : undefined,
  });
}

export function isPublic(element: DirectableObject): boolean {
  return readDirectives(element, "public").length > 0;
}

/** @throws TypeError when the directives contradict each other, or one of them has a wrong argument */
export function readGuard(schema: GraphQLSchema, element: DirectableObject, roles: Roles): Guard {
  const { args } = schema.getDirective("auth") ?? {};
  const usual = Object.fromEntries(
    args?.map(({ name, defaultValue }) => [name, defaultValue]) ?? [],
  );
  const { requires: usualRole = roles.lowest, freshWithin: usualFreshness = null } = usual;
  const { with: usualStrength = null } = usual;
  const guards = new Map<string, Exclude<Guard, null>>(isPublic(element) ? [[PUBLIC, PUBLIC]] : []);
  for (const use of readDirectives(element, "auth")) {
    const {
      requires = usualRole,
      freshWithin = usualFreshness,
      with: strength = usualStrength,
    } = use;
    if (!roles.has(requires)) {
      throw new TypeError(`has an @auth with an unknown role. ${roles.describeUnknown(requires)}`);
    }
    const freshness = freshWithin === null ? null : readFreshness(freshWithin);
    const needsSecondFactor = readStrength(strength);
    const guard = { role: requires, freshness, needsSecondFactor };
    guards.set(`${requires} ${freshness?.seconds} ${needsSecondFactor}`, guard);
  }
  if (guards.size > 1) throw new TypeError("has guards that contradict each other");
  const [guard = null] = guards.values();
  return guard;
}

function readStrength(strength: unknown): boolean {
  if (strength === null || strength === STRENGTH) return strength === STRENGTH;
  throw new TypeError(`has a wrong @auth: with must be ${STRENGTH}`);
}

function readFreshness(freshWithin: unknown): Freshness {
  try {
    return parseFreshness(freshWithin);
  } catch (error) {
    throw new TypeError(`has a wrong @auth: ${(error as Error).message}`);
  }
}

/**
 * Returns the arguments of each use of a directive. SDL and type-graphql store directives in AST nodes. Other code may
 * store them in `extensions`.
 */
function readDirectives(
  { astNode, extensionASTNodes, extensions }: DirectableObject,
  name: string,
): Readonly<Record<string, unknown>>[] {
  const { directives } = (extensions ?? {}) as {
    directives?: Record<string, Record<string, unknown>>;
  };
  const made = directives?.[name];
  const nodes = [astNode, extensionASTNodes].flat().flatMap((node) => node?.directives ?? []);
  return [
    ...(made === undefined ? [] : [made].flat()),
    ...nodes
      .filter((node) => node.name.value === name)
      .map((node) => ({
        requires: readArgument(node, "requires"),
        freshWithin: readArgument(node, "freshWithin"),
        with: readArgument(node, "with"),
      })),
  ];
}

function readArgument({ arguments: given = [] }: DirectiveNode, name: string): unknown {
  const argument = given.find((node) => node.name.value === name);
  return argument && valueFromASTUntyped(argument.value);
}
