import type { DirectableObject } from "@graphql-tools/utils";
import {
  type DirectiveNode,
  DirectiveLocation,
  type DocumentNode,
  GraphQLDirective,
  type GraphQLEnumType,
  GraphQLNonNull,
  type GraphQLSchema,
  Kind,
  valueFromASTUntyped,
  visit,
} from "graphql";
import type { Role, Roles } from "../accounts/role.js";

/** Stands for the highest role, until the setting `roles` is known. No role can have this name. */
const ADMIN_PLACEHOLDER = "__ADMIN";

/** A guard for administrators, whatever their role is called. For type-graphql's `@Directive`. */
export const ADMIN_ONLY = `@auth(requires: ${ADMIN_PLACEHOLDER})`;

/** The guard of a field that is open to everyone. No role can have this name. */
export const PUBLIC = "@public";

/** The required role, or {@link PUBLIC}. Null means no guard. */
export type Guard = Role | typeof PUBLIC | null;

export function createDirectives(role: GraphQLEnumType, roles: Roles): GraphQLDirective[] {
  return [
    new GraphQLDirective({
      name: "auth",
      description:
        "Requires a signed-in user whose Profile role is at least `requires`. On an object type it guards every field.",
      locations: [DirectiveLocation.FIELD_DEFINITION, DirectiveLocation.OBJECT],
      args: { requires: { type: new GraphQLNonNull(role), defaultValue: roles.lowest } },
    }),
    new GraphQLDirective({
      name: "public",
      description: "Open to everyone, without a login.",
      locations: [DirectiveLocation.FIELD_DEFINITION],
    }),
  ];
}

/** Replaces the placeholder in {@link ADMIN_ONLY} with the name of the highest role. */
export function withAdminRole<Node extends { readonly kind: Kind }>(
  node: Node,
  roles: Roles,
): Node {
  return visit(node as never, {
    EnumValue: (value) =>
      value.value === ADMIN_PLACEHOLDER ? { ...value, value: roles.admin } : undefined,
  });
}

/**
 * Refuses an unknown role in `@auth`. The error of graphql-js would not list the known roles.
 * @throws TypeError with the known roles
 */
export function requireKnownRoles(document: DocumentNode, roles: Roles): void {
  visit(document, {
    Directive: (node) => {
      if (node.name.value !== "auth") return;
      const required = readRequires(node);
      if (required !== undefined && !roles.has(required)) {
        throw new TypeError(roles.describeUnknown(required));
      }
    },
  });
}

export function isPublic(element: DirectableObject): boolean {
  return readDirectives(element, "public").length > 0;
}

/** @throws TypeError when the directives contradict each other or name an unknown role */
export function readGuard(schema: GraphQLSchema, element: DirectableObject, roles: Roles): Guard {
  const argument = schema.getDirective("auth")?.args.find(({ name }) => name === "requires");
  const { defaultValue: usual = roles.lowest } = argument ?? {};
  const guards = new Set<Exclude<Guard, null>>(isPublic(element) ? [PUBLIC] : []);
  for (const { requires = usual } of readDirectives(element, "auth")) {
    if (!roles.has(requires)) {
      throw new TypeError(`has an @auth with an unknown role. ${roles.describeUnknown(requires)}`);
    }
    guards.add(requires);
  }
  if (guards.size > 1) throw new TypeError("has guards that contradict each other");
  const [guard = null] = guards;
  return guard;
}

/**
 * Returns the arguments of each use of a directive. An element from SDL has its directives in AST nodes. An element
 * made in code has them in `extensions`.
 */
function readDirectives(
  { astNode, extensionASTNodes, extensions }: DirectableObject,
  name: string,
): { readonly requires?: unknown }[] {
  const { directives } = (extensions ?? {}) as { directives?: Record<string, object> };
  const made = directives?.[name];
  const nodes = [astNode, ...(extensionASTNodes ?? [])].flatMap((node) => node?.directives ?? []);
  return [
    ...(made === undefined ? [] : [made].flat()),
    ...nodes
      .filter((node) => node.name.value === name)
      .map((node) => ({ requires: readRequires(node) })),
  ];
}

function readRequires({ arguments: given = [] }: DirectiveNode): unknown {
  const argument = given.find((node) => node.name.value === "requires");
  return argument && valueFromASTUntyped(argument.value);
}
