import { GraphQLSchema } from "graphql";
import { isPublic } from "./directives.js";

const EXTENSION = "gatehouseCredentialFields";

/**
 * Returns the names of the mutations that check a credential, such as a password. For a schema that `auth.guard` did
 * not make, returns all public mutations.
 */
export function readCredentialFields(schema: GraphQLSchema): ReadonlySet<string> {
  const names = schema.extensions[EXTENSION] as ReadonlySet<string> | undefined;
  return names ?? findPublicMutations(schema);
}

/** In Gatehouse's own schema, every public mutation checks a credential. */
export function findPublicMutations(schema: GraphQLSchema): ReadonlySet<string> {
  const mutations = Object.values(schema.getMutationType()?.getFields() ?? {});
  return new Set(mutations.filter(isPublic).map(({ name }) => name));
}

/** Returns a copy of the schema that stores `names` for {@link readCredentialFields}. */
export function withCredentialFields(
  schema: GraphQLSchema,
  names: ReadonlySet<string>,
): GraphQLSchema {
  const { extensions, ...config } = schema.toConfig();
  return new GraphQLSchema({ ...config, extensions: { ...extensions, [EXTENSION]: names } });
}
