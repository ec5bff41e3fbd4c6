import { GraphQLSchema } from "graphql";
import { isPublic } from "./directives.js";

/** The key in a schema's `extensions` under which {@link withCredentialFields} stores the names of mutations. */
const EXTENSION = "gatehouseCredentialFields";

/**
 * Returns the names of the mutations that check a password, a token or another credential of Gatehouse. If the schema
 * does not come from `auth.guard`, returns the names of all its public mutations.
 */
export function readCredentialFields(schema: GraphQLSchema): ReadonlySet<string> {
  const names = schema.extensions[EXTENSION] as ReadonlySet<string> | undefined;
  return names ?? findPublicMutations(schema);
}

/** Returns the names of the mutations with `@public`. In Gatehouse's own schema, each of them checks a credential. */
export function findPublicMutations(schema: GraphQLSchema): ReadonlySet<string> {
  const mutations = Object.values(schema.getMutationType()?.getFields() ?? {});
  return new Set(mutations.filter(isPublic).map(({ name }) => name));
}

/** Returns a copy of a schema, for which {@link readCredentialFields} returns exactly `names`. */
export function withCredentialFields(
  schema: GraphQLSchema,
  names: ReadonlySet<string>,
): GraphQLSchema {
  const { extensions, ...config } = schema.toConfig();
  return new GraphQLSchema({ ...config, extensions: { ...extensions, [EXTENSION]: names } });
}
