import { ApolloServer, type ApolloServerPlugin } from "@apollo/server";
import { unwrapResolverError } from "@apollo/server/errors";
import { ApolloServerPluginCacheControlDisabled } from "@apollo/server/plugin/disabled";
import type { GraphQLFormattedError, GraphQLSchema } from "graphql";
import Negotiator from "negotiator";
import type { AuthContext } from "./context.js";
import { AuthError, type ErrorCode, HTTP_STATUS } from "./errors.js";

const GRAPHQL_RESPONSE = "application/graphql-response+json; charset=utf-8";
const MEDIA_TYPES = ["application/json; charset=utf-8", GRAPHQL_RESPONSE];

/** Both challenges, for a client that may use either. @see RFC 9110 11.6.1 */
const CHALLENGES = 'Bearer realm="gatehouse", Token realm="gatehouse"';

/** The codes of GraphQL and of Apollo whose messages are about the document, not about us. */
const DOCUMENT_ERRORS = [
  "GRAPHQL_PARSE_FAILED",
  "GRAPHQL_VALIDATION_FAILED",
  "OPERATION_RESOLUTION_FAILURE",
  "BAD_USER_INPUT",
  "BAD_REQUEST",
  "PERSISTED_QUERY_NOT_SUPPORTED",
  "PERSISTED_QUERY_NOT_FOUND",
];

/** How {@link createApolloServer} sets Apollo Server up. */
export interface ApolloOptions {
  readonly introspection: boolean;
  /** Called with each error that is a bug, before it is masked. */
  readonly onBug: (error: unknown) => void;
}

/** Apollo Server over a guarded schema, with nothing switched on that we do not use. */
export function createApolloServer(
  schema: GraphQLSchema,
  { introspection, onBug }: ApolloOptions,
): ApolloServer<AuthContext> {
  return new ApolloServer<AuthContext>({
    schema,
    introspection,
    plugins: [httpStatusPlugin, ApolloServerPluginCacheControlDisabled()],
    formatError: (formatted, error) => {
      if (isBug(formatted)) onBug(unwrapResolverError(error));
      return formatError(formatted, error);
    },
    includeStacktraceInErrorResponses: false,
    hideSchemaDetailsFromClientErrors: !introspection,
    persistedQueries: false,
    stopOnTerminationSignals: false,
  });
}

function isBug({ extensions }: GraphQLFormattedError): boolean {
  const code = extensions?.["code"];
  return (
    typeof code !== "string" ||
    !(DOCUMENT_ERRORS.includes(code) || Object.hasOwn(HTTP_STATUS, code)) ||
    code === "INTERNAL_SERVER_ERROR"
  );
}

/**
 * What a client is told of an error: refusals in full, errors of its document without the values in it, and of
 * everything else that there was one. For Apollo Server's option of the same name.
 */
export function formatError(
  formatted: GraphQLFormattedError,
  error: unknown,
): GraphQLFormattedError {
  if (unwrapResolverError(error) instanceof AuthError) return formatted;
  if (!isBug(formatted)) return { ...formatted, message: withoutValues(formatted.message) };
  const { locations, path } = formatted;
  return {
    message: "Internal server error.",
    ...(locations && { locations }),
    ...(path && { path }),
    extensions: { code: "INTERNAL_SERVER_ERROR" },
  };
}

/** graphql-js repeats the value it refuses, which may be a password. */
function withoutValues(message: string): string {
  return message
    .replace(/^(Variable "\$\w+" got invalid value) .*$/s, "$1.")
    .replace(/( cannot represent .*?value): .*$/s, "$1.")
    .replace(/^(Expected value of type .*?), found .*$/s, "$1.")
    .replace(/^(Value) ".*" (does not exist in ".*?" enum).*$/s, "$1 $2.")
    .replace(/((?:Block)?String|Name|Int|Float) ".*"/s, "$1");
}

/**
 * Answers with the HTTP status of the error's code where the GraphQL-over-HTTP specification wants it: in
 * `application/graphql-response+json`, when there is no data. For Apollo Server's option `plugins`.
 */
export const httpStatusPlugin: ApolloServerPlugin = {
  requestDidStart: () =>
    Promise.resolve({
      willSendResponse: ({ request, response }) => {
        const { body, http } = response;
        if (body.kind !== "single" || body.singleResult.data !== null) return Promise.resolve();
        const accept = request.http?.headers.get("accept");
        const [error] = body.singleResult.errors ?? [];
        const code = error?.extensions?.["code"] as ErrorCode | undefined;
        if (code === undefined || accept === undefined || !prefersGraphqlResponse(accept)) {
          return Promise.resolve();
        }
        http.status = HTTP_STATUS[code];
        if (code === "UNAUTHENTICATED") http.headers.set("www-authenticate", CHALLENGES);
        const retryAfter = error?.extensions?.["retryAfter"];
        if (typeof retryAfter === "number") http.headers.set("retry-after", retryAfter.toString());
        return Promise.resolve();
      },
    }),
};

function prefersGraphqlResponse(accept: string): boolean {
  return new Negotiator({ headers: { accept } }).mediaType(MEDIA_TYPES) === GRAPHQL_RESPONSE;
}
