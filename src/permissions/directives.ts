import { type DirectableObject, getDirectiveExtensions } from "@graphql-tools/utils";
import {
  DirectiveLocation,
  GraphQLDirective,
  type GraphQLEnumType,
  GraphQLNonNull,
  type GraphQLSchema,
} from "graphql";
import { isRole, type Role } from "../accounts/role.js";

/**
 * Creates the directives `@auth` and `@public`.
 * @param role the schema's own enum `Role`
 */
export function createDirectives(role: GraphQLEnumType): GraphQLDirective[] {
  return [
    new GraphQLDirective({
      name: "auth",
      description:
        "Requires a signed-in user whose Profile role is at least `requires`. On an object type it guards every field.",
      locations: [DirectiveLocation.FIELD_DEFINITION, DirectiveLocation.OBJECT],
      args: { requires: { type: new GraphQLNonNull(role), defaultValue: "USER" } },
    }),
    new GraphQLDirective({
      name: "public",
      description: "Open to everyone, without a login.",
      locations: [DirectiveLocation.FIELD_DEFINITION],
    }),
  ];
}

/** The guard that the directives of an element state: the required role, `PUBLIC`, or null if there is none. */
export type Guard = Role | "PUBLIC" | null;

/**
 * Returns the guard of a type, a field or any other element of a schema.
 * @throws TypeError when the directives contradict each other or name an unknown role
 */
export function readGuard(schema: GraphQLSchema, element: DirectableObject): Guard {
  const directives = getDirectiveExtensions<{ auth: { requires?: unknown }; public: object }>(
    element,
    schema,
  );
  const roles = (directives.auth ?? []).map(({ requires = "USER" }) => requires);
  const guards = new Set(directives.public ? [...roles, "PUBLIC"] : roles);
  if (guards.size > 1) throw new TypeError("has guards that contradict each other");
  if (guards.size === 0) return null;
  const [guard] = guards;
  if (guard === "PUBLIC" || isRole(guard)) return guard;
  throw new TypeError("has an @auth with an unknown role");
}
