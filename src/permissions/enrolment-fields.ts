import type { GraphQLObjectType, GraphQLSchema } from "graphql";

/**
 * An argument for type-graphql's `@Extensions`. Marks a root field that is also open to users who must have a second
 * factor but have none yet.
 * @see Principal.mustEnrol
 */
export const OPEN_TO_ENROLMENT = { gatehouseOpenToEnrolment: true } as const;

/** Returns the names of the fields with {@link OPEN_TO_ENROLMENT}, such as `Query.me`. */
export function findEnrolmentFields(schema: GraphQLSchema): ReadonlySet<string> {
  return new Set([schema.getQueryType(), schema.getMutationType()].flatMap(namesIn));
}

function namesIn(type: GraphQLObjectType | null | undefined): string[] {
  return Object.values(type?.getFields() ?? {})
    .filter(({ extensions }) => "gatehouseOpenToEnrolment" in extensions)
    .map(({ name }) => `${type?.name}.${name}`);
}
