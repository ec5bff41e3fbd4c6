import { GraphQLSchema, version } from "graphql";

/** The lowest minor version of graphql 16 that the peer dependency accepts. */
const MINOR = 15;

const [major = 0, minor = 0] = version.split(".").map(Number);

// Some package managers only warn about a wrong version. Later errors would not mention the version.
if (major !== 16 || minor < MINOR) {
  throw new Error(
    `Gatehouse needs graphql 16.${MINOR} or a later 16.x, because type-graphql works with no other; ` +
      `found graphql ${version}. Install graphql@16.`,
  );
}

/**
 * Requires a schema that was built with our copy of graphql, because two copies do not recognise each other's types.
 * @param name the schema's name in the message, such as "the schema to guard"
 * @throws TypeError when `schema` is not a schema, or was built with another copy of graphql
 */
export function requireOneGraphql(schema: unknown, name: string): void {
  if (schema instanceof GraphQLSchema) return;
  const isForeign = Object.prototype.toString.call(schema) === "[object GraphQLSchema]";
  throw new TypeError(
    isForeign
      ? `There are two copies of graphql: Gatehouse uses one, and ${name} was built with the other. ` +
          "List them with `npm ls graphql`, and keep one with `npm dedupe` or `overrides`. " +
          "A linked package or folder brings its own copy; install the packed file instead."
      : `${name} is not a GraphQLSchema.`,
  );
}
