import { type GraphQLField, GraphQLSchema } from "graphql";
import { isPublic } from "./directives.js";

const EXTENSION = "gatehouseCredentialFields";

/** Marks a mutation that checks a credential although it is not public. An argument for type-graphql's `@Extensions`. */
export const CHECKS_CREDENTIAL = { gatehouseChecksCredential: true } as const;

/**
 * Returns the names of the mutations that check a credential, such as a password. `auth.guard` stores these names in
 * the schema that it makes. A schema without them is treated as if each public mutation checked a credential.
 */
export function readCredentialFields(schema: GraphQLSchema): ReadonlySet<string> {
  const names = schema.extensions[EXTENSION] as ReadonlySet<string> | undefined;
  return names ?? findCredentialMutations(schema);
}

/** In Gatehouse's own schema, every public mutation checks a credential. */
export function findCredentialMutations(schema: GraphQLSchema): ReadonlySet<string> {
  const mutations = Object.values(schema.getMutationType()?.getFields() ?? {});
  return new Set(mutations.filter(isCredential).map(({ name }) => name));
}

function isCredential(mutation: GraphQLField<unknown, unknown>): boolean {
  return isPublic(mutation) || "gatehouseChecksCredential" in mutation.extensions;
}

/** Returns a copy of the schema that stores `names` for {@link readCredentialFields}. */
export function withCredentialFields(
  schema: GraphQLSchema,
  names: ReadonlySet<string>,
): GraphQLSchema {
  const { extensions, ...config } = schema.toConfig();
  return new GraphQLSchema({ ...config, extensions: { ...extensions, [EXTENSION]: names } });
}
