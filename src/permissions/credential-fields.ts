import { type GraphQLField, GraphQLSchema } from "graphql";
import { isPublic } from "./directives.js";

/** The key in a schema's `extensions` under which {@link withCredentialFields} stores the names of mutations. */
const EXTENSION = "gatehouseCredentialFields";

/** Marks a mutation that checks a credential although it is not public. An argument for type-graphql's `@Extensions`. */
export const CHECKS_CREDENTIAL = { gatehouseChecksCredential: true } as const;

/**
 * Returns the names of the mutations that check a password, a token or another credential of Gatehouse. If the schema
 * does not come from `auth.guard`, returns the names of all its public mutations.
 */
export function readCredentialFields(schema: GraphQLSchema): ReadonlySet<string> {
  const names = schema.extensions[EXTENSION] as ReadonlySet<string> | undefined;
  return names ?? findCredentialMutations(schema);
}

/**
 * Returns the names of the mutations with `@public` or {@link CHECKS_CREDENTIAL}. In Gatehouse's own schema, each public
 * mutation checks a credential.
 */
export function findCredentialMutations(schema: GraphQLSchema): ReadonlySet<string> {
  const mutations = Object.values(schema.getMutationType()?.getFields() ?? {});
  return new Set(mutations.filter(isCredential).map(({ name }) => name));
}

function isCredential(mutation: GraphQLField<unknown, unknown>): boolean {
  return isPublic(mutation) || "gatehouseChecksCredential" in mutation.extensions;
}

/** Returns a copy of a schema, for which {@link readCredentialFields} returns exactly `names`. */
export function withCredentialFields(
  schema: GraphQLSchema,
  names: ReadonlySet<string>,
): GraphQLSchema {
  const { extensions, ...config } = schema.toConfig();
  return new GraphQLSchema({ ...config, extensions: { ...extensions, [EXTENSION]: names } });
}
