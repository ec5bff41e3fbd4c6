import { ApolloServer } from "@apollo/server";
import {
  ApolloServerPluginCacheControlDisabled,
  ApolloServerPluginInlineTraceDisabled,
} from "@apollo/server/plugin/disabled";
import type { GraphQLSchema } from "graphql";
import { documentLimits, PARSE_LIMITS } from "./document-limits.js";
import { formatError } from "./format-error.js";
import {
  errorLimitPlugin,
  faultPlugin,
  httpStatusPlugin,
  recordPlugin,
  responseHeadersPlugin,
  type ServerContext,
} from "./plugins.js";

const SAFE_OPTIONS = {
  formatError,
  parseOptions: PARSE_LIMITS,
  // graphql-js prints the whole value into each error. That takes time, and the client never sees it.
  executionOptions: { maxCoercionErrors: 1 },
  includeStacktraceInErrorResponses: false,
  persistedQueries: false as const,
};

const SAFE_PLUGINS = [httpStatusPlugin, errorLimitPlugin];

/** The options of {@link createApolloServer}. */
export interface ApolloOptions {
  /** Also decides whether errors suggest names of the schema. */
  readonly introspection: boolean;
  /** Called with each error that an operator must look at, and with the id of its request. */
  readonly onFault: (error: unknown, requestId: string) => void;
}

/**
 * Creates the Apollo Server of our own HTTP server, with everything that we do not use switched off. It neither limits
 * documents nor sends {@link AuthContext.responseHeaders}, because our HTTP server does both.
 * @param schema the guarded schema
 */
export function createApolloServer(
  schema: GraphQLSchema,
  { introspection, onFault }: ApolloOptions,
): ApolloServer<ServerContext> {
  return new ApolloServer<ServerContext>({
    ...SAFE_OPTIONS,
    schema,
    introspection,
    plugins: [
      recordPlugin,
      faultPlugin(onFault),
      ApolloServerPluginCacheControlDisabled(),
      ...SAFE_PLUGINS,
    ],
    hideSchemaDetailsFromClientErrors: !introspection,
    stopOnTerminationSignals: false,
  });
}

/**
 * Returns the options of an Apollo Server of your own that serves `schema` as safely as ours: errors that reveal no
 * internals and repeat no part of the request, the right HTTP status for each, limits on documents, and the response
 * headers of features.
 *
 * The server's context must come from `auth.createContext`. To add plugins or validation rules, append them to those of the
 * result.
 * @param schema the schema to serve, as `auth.guard` returned it
 * @example
 * const server = new ApolloServer(apolloOptions(schema));
 * await startStandaloneServer(server, { context: ({ req }) => auth.createContext(req) });
 */
export function apolloOptions(schema: GraphQLSchema) {
  return {
    ...SAFE_OPTIONS,
    schema,
    // In a federation subgraph, Apollo Server would send the timings and errors of all resolvers to whoever asks.
    plugins: [...SAFE_PLUGINS, responseHeadersPlugin, ApolloServerPluginInlineTraceDisabled()],
    validationRules: [documentLimits(schema)],
  };
}
