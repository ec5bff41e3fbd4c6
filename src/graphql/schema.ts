import {
  getResolversFromSchema,
  type IResolvers,
  mapSchema,
  MapperKind,
  printSchemaWithDirectives,
} from "@graphql-tools/utils";
import {
  extendSchema,
  GraphQLEnumType,
  type GraphQLFieldResolver,
  GraphQLObjectType,
  GraphQLScalarType,
  GraphQLSchema,
  isIntrospectionType,
  isObjectType,
  parse,
} from "graphql";
import { buildSchemaSync, type ClassType, type ContainerType } from "type-graphql";
import { DEFAULT_ROLES, type Roles } from "../accounts/role.js";
import { requireOneGraphql } from "../graphql-package.js";
import { createDirectives, withAdminRole } from "../permissions/directives.js";

/** Fields to add to the schema, in SDL such as `extend type Mutation { … @auth }`, with their resolvers. */
export interface SchemaExtension {
  readonly typeDefs: string;
  readonly resolvers: IResolvers;
}

/**
 * Builds a schema with the directives `@auth` and `@public`. They have no effect until `guardSchema` is called.
 * @param resolvers instances of type-graphql's resolver classes
 */
export function createSchema(resolvers: readonly object[], roles: Roles): GraphQLSchema {
  const instances = new Map(resolvers.map((resolver) => [resolver.constructor, resolver]));
  const container: ContainerType = {
    get: (resolver: ClassType) => instances.get(resolver),
  };
  const [first, ...rest] = [...instances.keys()] as ClassType[];
  if (first === undefined) throw new TypeError("A schema needs a resolver.");
  const built = buildSchemaSync({
    resolvers: [first, ...rest],
    container,
    validate: false,
    skipCheck: true,
  });
  requireOneGraphql(built, "the schema of type-graphql");
  const schema = forInstallation(built, roles);
  const role = schema.getType("Role") as GraphQLEnumType;
  return new GraphQLSchema({
    ...schema.toConfig(),
    directives: [...schema.getDirectives(), ...createDirectives(role, roles)],
  });
}

/**
 * Replaces the default roles by the configured roles. Also reverses the arguments of each field, because type-graphql
 * lists the last argument first. Changes the types in place, because copying them would slow the start of a server.
 */
function forInstallation(schema: GraphQLSchema, roles: Roles): GraphQLSchema {
  for (const type of Object.values(schema.getTypeMap())) {
    if (!isObjectType(type) || isIntrospectionType(type)) continue;
    type.astNode = type.astNode && withAdminRole(type.astNode, roles);
    for (const field of Object.values(type.getFields())) {
      field.args = [...field.args].reverse();
      field.astNode = field.astNode && withAdminRole(field.astNode, roles);
    }
  }
  if (roles.names.join() === DEFAULT_ROLES.join()) return schema;
  return mapSchema(schema, {
    [MapperKind.ENUM_TYPE]: (type) =>
      type.name === "Role"
        ? new GraphQLEnumType({
            ...type.toConfig(),
            values: Object.fromEntries(roles.names.map((name) => [name, {}])),
          })
        : undefined,
  });
}

/**
 * Returns a copy of the schema with the fields of an extension.
 * @throws Error when `typeDefs` cannot be parsed, or does not fit the schema
 * @throws TypeError when there is a resolver without a field
 */
export function extendWith(
  schema: GraphQLSchema,
  { typeDefs, resolvers }: SchemaExtension,
): GraphQLSchema {
  const extended = extendSchema(schema, parse(typeDefs));
  for (const [type, fields] of Object.entries(resolvers)) {
    const object = extended.getType(type);
    const known = object instanceof GraphQLObjectType ? object.getFields() : {};
    for (const [name, resolve] of Object.entries(
      fields as Record<string, GraphQLFieldResolver<unknown, unknown>>,
    )) {
      const field = known[name];
      if (field === undefined) {
        throw new TypeError(`The schema has no field ${type}.${name} to resolve.`);
      }
      field.resolve = resolve;
    }
  }
  return extended;
}

/**
 * Returns the resolvers of a schema, with scalars as plain objects. Otherwise an application with another copy of
 * `graphql` would get a confusing error instead of the clear error of {@link requireOneGraphql}.
 */
export function resolversOf(schema: GraphQLSchema): IResolvers {
  const resolvers = getResolversFromSchema(schema);
  for (const [name, resolver] of Object.entries(resolvers)) {
    if (!(resolver instanceof GraphQLScalarType)) continue;
    const { serialize, parseValue, parseLiteral } = resolver;
    resolvers[name] = { serialize, parseValue, parseLiteral };
  }
  return resolvers;
}

export function printSchema(schema: GraphQLSchema): string {
  return `${printSchemaWithDirectives(schema)}\n`;
}
