import { type GraphQLField, GraphQLSchema } from "graphql";
import { isPublic } from "./directives.js";

const EXTENSION = "gatehouseCredentialFields";

/**
 * An argument for type-graphql's `@Extensions`. Marks a mutation that is not public, but checks a credential, such as a
 * password.
 */
export const CHECKS_CREDENTIAL = { gatehouseChecksCredential: true } as const;

/**
 * Returns the names of the mutations that check a credential, such as a password. `auth.guard` stores these names in
 * its schema. For a schema without stored names, returns the result of {@link findCredentialMutations}.
 */
export function readCredentialFields(schema: GraphQLSchema): ReadonlySet<string> {
  const names = schema.extensions[EXTENSION] as ReadonlySet<string> | undefined;
  return names ?? findCredentialMutations(schema);
}

/** Returns the names of all public mutations, and of all mutations with {@link CHECKS_CREDENTIAL}. */
export function findCredentialMutations(schema: GraphQLSchema): ReadonlySet<string> {
  const mutations = Object.values(schema.getMutationType()?.getFields() ?? {});
  return new Set(mutations.filter(isCredential).map(({ name }) => name));
}

function isCredential(mutation: GraphQLField<unknown, unknown>): boolean {
  return isPublic(mutation) || "gatehouseChecksCredential" in mutation.extensions;
}

/** Returns a copy of the schema with these names in its extensions. {@link readCredentialFields} reads them there. */
export function withCredentialFields(
  schema: GraphQLSchema,
  names: ReadonlySet<string>,
): GraphQLSchema {
  const { extensions, ...config } = schema.toConfig();
  return new GraphQLSchema({ ...config, extensions: { ...extensions, [EXTENSION]: names } });
}
