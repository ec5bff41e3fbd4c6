import { ApolloServer } from "@apollo/server";
import {
  ApolloServerPluginCacheControlDisabled,
  ApolloServerPluginInlineTraceDisabled,
  ApolloServerPluginLandingPageDisabled,
} from "@apollo/server/plugin/disabled";
import { InMemoryLRUCache } from "@apollo/utils.keyvaluecache";
import type { DocumentNode, GraphQLSchema } from "graphql";
import { WrongSettings } from "../config/problems.js";
import { toParseOptions, toRule } from "./document-limits.js";
import { formatError } from "./format-error.js";
import { type AllLimits, DEFAULT_LIMITS, type Limits, resolveLimits } from "./limits.js";
import {
  errorLimitPlugin,
  faultPlugin,
  httpStatusPlugin,
  logPlugin,
  observePlugin,
  recordPlugin,
  responseHeadersPlugin,
  type ServerContext,
} from "./plugins.js";
import { variablesPlugin } from "./variables.js";

/** The largest number of errors about variables if the limit `errors` is off. */
const MAX_ERRORS = 50;

/**
 * The largest size of the cache of valid documents, in bytes of their JSON. In memory, a document takes about four
 * times as much. Clients that write values into documents instead of variables fill a cache of any size. The default
 * cache of Apollo Server would then take 120 MB.
 */
const DOCUMENT_CACHE_SIZE = 8 * 1024 * 1024;

function safeOptions(limits: AllLimits) {
  return {
    formatError,
    documentStore: new InMemoryLRUCache<DocumentNode>({ maxSize: DOCUMENT_CACHE_SIZE }),
    parseOptions: toParseOptions(limits),
    includeStacktraceInErrorResponses: false,
    persistedQueries: false as const,
  };
}

function safePlugins({ errors }: AllLimits) {
  const plugins = [variablesPlugin(errors ?? MAX_ERRORS), httpStatusPlugin];
  return errors === null ? plugins : [...plugins, errorLimitPlugin(errors)];
}

export interface ApolloOptions {
  /** Whether clients may use introspection, and whether errors suggest names from the schema. */
  readonly introspection: boolean;
  /** Whether {@link observePlugin} records each operation. */
  readonly isObserved: boolean;
}

/**
 * Creates the Apollo Server of our own HTTP server. The HTTP server itself limits documents and sends
 * {@link AuthContext.responseHeaders}, so no plugin does.
 * @param schema the guarded schema
 */
export function createApolloServer(
  schema: GraphQLSchema,
  { introspection, isObserved }: ApolloOptions,
): ApolloServer<ServerContext> {
  return new ApolloServer<ServerContext>({
    ...safeOptions(DEFAULT_LIMITS),
    schema,
    introspection,
    plugins: [
      recordPlugin,
      ...(isObserved ? [observePlugin] : []),
      faultPlugin,
      ApolloServerPluginCacheControlDisabled(),
      ApolloServerPluginInlineTraceDisabled(),
      ApolloServerPluginLandingPageDisabled(),
      ...safePlugins(DEFAULT_LIMITS),
    ],
    hideSchemaDetailsFromClientErrors: !introspection,
    stopOnTerminationSignals: false,
  });
}

/**
 * Returns options for your own Apollo Server. With these options, the server:
 * - reveals no internals in errors, and sets the right HTTP status
 * - repeats no value of a wrong request in the error
 * - limits documents, and the memory of their cache
 * - sends the response headers that features set
 * - logs each bug and outage once, with its stack, through its `logger`
 *
 * The server's context must come from `auth.createContext`. To add plugins or validation rules, append them to the
 * lists in the result.
 * @param schema the schema to serve, as `auth.guard` returned it
 * @param options `limits`: the limits to change. Each is a whole number, or null for no limit. @default the limits of
 * our own server
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
    // The last plugin turns off inline traces. With them, any client could ask a federation subgraph for the timings
    // and errors of its resolvers.
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
