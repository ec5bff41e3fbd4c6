import { ApolloServer } from "@apollo/server";
import {
  ApolloServerPluginCacheControlDisabled,
  ApolloServerPluginInlineTraceDisabled,
} from "@apollo/server/plugin/disabled";
import type { GraphQLSchema } from "graphql";
import { WrongSettings } from "../config/problems.js";
import { toParseOptions, toRule } from "./document-limits.js";
import { formatError } from "./format-error.js";
import { type AllLimits, DEFAULT_LIMITS, type Limits, resolveLimits } from "./limits.js";
import {
  errorLimitPlugin,
  faultPlugin,
  httpStatusPlugin,
  logPlugin,
  recordPlugin,
  responseHeadersPlugin,
  type ServerContext,
} from "./plugins.js";
import { variablesPlugin } from "./variables.js";

/** The largest number of errors about variables, if the limit on errors is off. */
const MAX_ERRORS = 50;

function safeOptions(limits: AllLimits) {
  return {
    formatError,
    parseOptions: toParseOptions(limits),
    // `variablesPlugin` rejects wrong variables before graphql-js sees them, so one error is enough here.
    executionOptions: { maxCoercionErrors: 1 },
    includeStacktraceInErrorResponses: false,
    persistedQueries: false as const,
  };
}

function safePlugins({ errors }: AllLimits) {
  const plugins = [variablesPlugin(errors ?? MAX_ERRORS), httpStatusPlugin];
  return errors === null ? plugins : [...plugins, errorLimitPlugin(errors)];
}

export interface ApolloOptions {
  /** Whether introspection is allowed, and whether errors suggest names from the schema. */
  readonly introspection: boolean;
  /** Called with each bug or outage, and with the id of its request. */
  readonly onFault: (error: unknown, requestId: string) => void;
}

/**
 * Creates the Apollo Server of our own HTTP server. The HTTP server itself limits documents, and sends
 * {@link AuthContext.responseHeaders}.
 * @param schema the guarded schema
 */
export function createApolloServer(
  schema: GraphQLSchema,
  { introspection, onFault }: ApolloOptions,
): ApolloServer<ServerContext> {
  return new ApolloServer<ServerContext>({
    ...safeOptions(DEFAULT_LIMITS),
    schema,
    introspection,
    plugins: [
      recordPlugin,
      faultPlugin(onFault),
      ApolloServerPluginCacheControlDisabled(),
      ...safePlugins(DEFAULT_LIMITS),
    ],
    hideSchemaDetailsFromClientErrors: !introspection,
    stopOnTerminationSignals: false,
  });
}

/**
 * Returns options for an Apollo Server of your own. With these options, it serves `schema` as safely as our own server
 * does:
 * - Errors reveal no internals, and have the right HTTP status.
 * - Errors in the request itself repeat no value of the request.
 * - Documents are limited.
 * - The response headers that features set are sent.
 * - The server's `logger` logs each internal error and outage once, with its stack.
 *
 * The server's context must come from `auth.createContext`. To add plugins or validation rules, append them to the
 * lists in the result.
 * @param schema the schema to serve, as `auth.guard` returned it
 * @param options `limits`: the limits to change. Each is a whole number, or null for no limit. The other limits are the
 * same as in our own server.
 * @throws TypeError that names each wrong limit, or an option that does not exist
 * @example
 * const limits = { depth: 12, aliases: null };
 * const server = new ApolloServer(apolloOptions(schema, { limits }));
 * await startStandaloneServer(server, { context: ({ req }) => auth.createContext(req) });
 */
export function apolloOptions(schema: GraphQLSchema, options: { readonly limits?: Limits } = {}) {
  const limits = readLimits(options);
  return {
    ...safeOptions(limits),
    schema,
    // Without the last plugin, a federation subgraph would send the timings and errors of its resolvers to any client
    // that asks.
    plugins: [
      logPlugin(),
      ...safePlugins(limits),
      responseHeadersPlugin,
      ApolloServerPluginInlineTraceDisabled(),
    ],
    validationRules: [toRule(schema, limits)],
  };
}

function readLimits(options: unknown): AllLimits {
  if (typeof options !== "object" || options === null) {
    throw new WrongSettings([{ option: "options", message: "must be an object with limits" }]);
  }
  const { limits, ...others } = options as { limits?: unknown };
  const [option] = Object.keys(others);
  if (option === undefined) return resolveLimits(limits);
  throw new WrongSettings([{ option, message: "is not an option; did you mean limits?" }]);
}
