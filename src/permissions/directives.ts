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
 * `@auth` and `@public`.
 * @param role the schema's own enum `Role`
 */
export function createDirectives(role: GraphQLEnumType): GraphQLDirective[] {
  return [
    new GraphQLDirective({
      name: "auth",
      description:
        "Needs a signed-in user whose Profile role is at least this. On an object: each of its fields does.",
      locations: [DirectiveLocation.FIELD_DEFINITION, DirectiveLocation.OBJECT],
      args: { requires: { type: new GraphQLNonNull(role), defaultValue: "USER" } },
    }),
    new GraphQLDirective({
      name: "public",
      description: "Open to anyone.",
      locations: [DirectiveLocation.FIELD_DEFINITION],
    }),
  ];
}

/** What the directives on a type or a field say: a role that is required, open to anyone, or nothing. */
export type Guard = Role | "PUBLIC" | null;

/**
 * The guard that stands on a type, a field, or anything else.
 * @throws TypeError when the directives contradict each other, or name no role
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
  throw new TypeError("has an @auth that names no role");
}
