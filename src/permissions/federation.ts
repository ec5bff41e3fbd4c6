import {
  defaultFieldResolver,
  getNamedType,
  type GraphQLField,
  type GraphQLFieldResolver,
  type GraphQLObjectType,
  type GraphQLSchema,
  isObjectType,
} from "graphql";
import { WrongSettings } from "../config/problems.js";
import { BadUserInput } from "../errors.js";

/**
 * Returns whether a field is `_service`, which gives a federation gateway the SDL. The field is public, because a
 * gateway has no credential.
 * @see https://www.apollographql.com/docs/graphos/schema-design/federated-schemas/reference/subgraph-spec
 */
export function isServiceField(
  schema: GraphQLSchema,
  type: GraphQLObjectType,
  field: GraphQLField<unknown, unknown>,
): boolean {
  if (field.name !== "_service" || type !== schema.getQueryType()) return false;
  const service = getNamedType(field.type);
  return (
    isObjectType(service) &&
    service.name === "_Service" &&
    Object.keys(service.getFields()).join() === "sdl"
  );
}

/** Returns whether a field is `_entities`, from which a federation gateway loads entities. */
export function isEntitiesField(schema: GraphQLSchema, typeName: string, name: string): boolean {
  return name === "_entities" && typeName === schema.getQueryType()?.name;
}

const MAX_ENTITIES = 100;

type Resolver = GraphQLFieldResolver<unknown, unknown>;

/**
 * Returns a function that wraps the resolver of `_entities`. The wrapped resolver limits the entities of one request,
 * because each entity may cost a database query.
 * @throws TypeError when `maxEntities` is not a whole number of at least 1
 */
export function entitiesLimit({ maxEntities: max = MAX_ENTITIES }: { maxEntities?: number }) {
  if (!Number.isSafeInteger(max) || max < 1) {
    throw new WrongSettings([{ option: "maxEntities", message: "must be a whole number from 1" }]);
  }
  /**
   * The number of entities of each execution. The key is `variableValues`, which is a new object for each execution.
   */
  const counts = new WeakMap<object, number>();
  return (resolve: Resolver = defaultFieldResolver): Resolver =>
    (source, args: { representations: readonly unknown[] }, context, info) => {
      const count = (counts.get(info.variableValues) ?? 0) + args.representations.length;
      counts.set(info.variableValues, count);
      if (count > max) {
        throw new BadUserInput(
          `A request may ask for at most ${max} entities. Ask for the others in another request.`,
        );
      }
      return resolve(source, args, context, info);
    };
}
