import { ApolloServer, type ApolloServerPlugin } from "@apollo/server";
import { unwrapResolverError } from "@apollo/server/errors";
import { ApolloServerPluginCacheControlDisabled } from "@apollo/server/plugin/disabled";
import { GraphQLError, type GraphQLFormattedError, type GraphQLSchema } from "graphql";
import Negotiator from "negotiator";
import type { AuthContext } from "../authentication/context.js";
import { documentLimits, PARSE_LIMITS } from "./document-limits.js";
import { type ErrorCode, HTTP_STATUS } from "../errors.js";

const GRAPHQL_RESPONSE = "application/graphql-response+json; charset=utf-8";
const MEDIA_TYPES = ["application/json; charset=utf-8", GRAPHQL_RESPONSE];

/** Both challenges, for a client that may use either. @see RFC 9110 11.6.1 */
const CHALLENGES = 'Bearer realm="gatehouse", Token realm="gatehouse"';

/** All that a client is told of a bug. */
const MASKED = { code: "INTERNAL_SERVER_ERROR" };

/** In characters. A longer message repeats something that the client sent. */
const MESSAGE_MAX_LENGTH = 300;

/** How much of an operation's name the log holds, in characters. */
const NAME_MAX_LENGTH = 128;

/** How many errors an answer has at most, and of what size they are together, in bytes. */
const MAX_ERRORS = 10;
const MAX_ERRORS_SIZE = 64 * 1024;

/** What the log says of an operation. */
export interface OperationRecord {
  /** Its name, where the document gives it one. */
  operation?: string;
  /** `ok`, or the code of its first error. */
  outcome?: string;
}

/** The context of a request to our own server. */
export interface ServerContext extends AuthContext {
  readonly requestId: string;
  readonly record: OperationRecord;
}

/** How {@link createApolloServer} sets Apollo Server up. */
export interface ApolloOptions {
  readonly introspection: boolean;
  /** Called with each error that is not the client's doing, and with the request that met it. */
  readonly onFault: (error: unknown, requestId: string) => void;
}

/** Apollo Server over a guarded schema, with nothing switched on that we do not use. Its documents are checked before. */
export function createApolloServer(
  schema: GraphQLSchema,
  { introspection, onFault }: ApolloOptions,
): ApolloServer<ServerContext> {
  const own = [recordPlugin, faultPlugin(onFault), ApolloServerPluginCacheControlDisabled()];
  return new ApolloServer<ServerContext>({
    ...SAFE_OPTIONS,
    schema,
    introspection,
    plugins: [...own, ...SAFE_OPTIONS.plugins],
    hideSchemaDetailsFromClientErrors: !introspection,
    stopOnTerminationSignals: false,
  });
}

/**
 * What an Apollo Server of one's own needs, to refuse what our server refuses: errors that tell nothing of the inside and
 * repeat nothing of the request, their HTTP status, and limits on documents.
 * @param schema the one to serve, as {@link Auth.guard} gave it
 * @example
 * new ApolloServer({ ...apolloOptions(schema), schema });
 */
export function apolloOptions(schema: GraphQLSchema) {
  return { ...SAFE_OPTIONS, validationRules: [documentLimits(schema)] };
}

/** Cuts off errors beyond what a client can read. */
const errorLimitPlugin: ApolloServerPlugin = {
  requestDidStart: () =>
    Promise.resolve({
      willSendResponse: ({ response: { body } }) => {
        if (body.kind !== "single" || body.singleResult.errors === undefined) {
          return Promise.resolve();
        }
        let size = 0;
        body.singleResult.errors = body.singleResult.errors.slice(0, MAX_ERRORS).filter((error) => {
          size += Buffer.byteLength(JSON.stringify(error));
          return size <= MAX_ERRORS_SIZE;
        });
        return Promise.resolve();
      },
    }),
};

/** Tells the log what the request was, and how it ended. */
const recordPlugin: ApolloServerPlugin<ServerContext> = {
  requestDidStart: ({ contextValue: { record } }) =>
    Promise.resolve({
      willSendResponse: ({ operationName, operation, response: { body } }) => {
        if (operation !== undefined && operationName != null) {
          record.operation = operationName.slice(0, NAME_MAX_LENGTH);
        }
        const [error] = body.kind === "single" ? (body.singleResult.errors ?? []) : [];
        const code = error?.extensions?.["code"];
        record.outcome = error === undefined ? "ok" : typeof code === "string" ? code : "error";
        return Promise.resolve();
      },
    }),
};

/** Reports what is our fault, and gives the client of a bug the id to ask about it with. */
function faultPlugin(onFault: ApolloOptions["onFault"]): ApolloServerPlugin<ServerContext> {
  return {
    requestDidStart: ({ contextValue: { requestId } }) =>
      Promise.resolve({
        didEncounterErrors: ({ errors }) => {
          for (const error of errors.filter(isOurFault))
            onFault(unwrapResolverError(error), requestId);
          return Promise.resolve();
        },
        willSendResponse: ({ response: { body } }) => {
          const errors = body.kind === "single" ? body.singleResult.errors : undefined;
          for (const { extensions } of errors ?? []) {
            if (extensions?.["code"] === MASKED.code) extensions["requestId"] = requestId;
          }
          return Promise.resolve();
        },
      }),
  };
}

/** Whether somebody has to look at the server: a bug, or what it needs is away. One that only has too much to do says so. */
function isOurFault(error: GraphQLError): boolean {
  const isAway = error.extensions["code"] === "SERVICE_UNAVAILABLE" && hasCause(error);
  return isBug(error) || isAway;
}

function hasCause(error: GraphQLError): boolean {
  return (unwrapResolverError(error) as Error).cause !== undefined;
}

/** Whether nobody meant the client to see this error. Those that are meant have a code, or come from graphql-js. */
function isBug(error: GraphQLError): boolean {
  const { code } = error.extensions;
  return code === MASKED.code || (typeof code !== "string" && !isAboutRequest(error));
}

/** What graphql-js says of a request before it runs a resolver, or of the arguments that it would run one with. */
function isAboutRequest({ path, originalError }: GraphQLError): boolean {
  return path === undefined ? originalError === undefined : isAboutArgument(originalError);
}

function isAboutArgument(error: Error | undefined): boolean {
  return error instanceof GraphQLError && ARGUMENT_ERROR.test(error.message);
}

/** @see graphql-js, execution/values.ts: it has no other mark */
const ARGUMENT_ERROR = /^Argument "\w+" (of required type|of non-null type|has invalid value) /;

/** What a client is told of a bug that was met before there was an operation. */
export function internalServerError(requestId: string): GraphQLError {
  return new GraphQLError("", { extensions: { ...MASKED, requestId } });
}

/**
 * What a client is told of an error: those with a code in full, but those about its document without the values in it;
 * and of everything else that there was one. For Apollo Server's option of the same name.
 */
export function formatError(
  formatted: GraphQLFormattedError,
  error: unknown,
): GraphQLFormattedError {
  const { locations, path, message } = formatted;
  const extensions = { ...formatted.extensions };
  delete extensions["stacktrace"];
  const place = { ...(locations && { locations }), ...(path && { path }) };
  if (!(error instanceof GraphQLError) || isBug(error)) {
    const { requestId } = extensions;
    const id = requestId === undefined ? {} : { requestId };
    return { message: "Internal server error.", ...place, extensions: { ...MASKED, ...id } };
  }
  if (isAboutArgument(error.originalError)) {
    return { message: withoutValues(message), ...place, extensions: { code: "BAD_USER_INPUT" } };
  }
  if (path !== undefined) return { message, ...place, extensions };
  const hasCode = typeof error.extensions["code"] === "string";
  const isIntrospection = extensions["validationErrorCode"] === "INTROSPECTION_DISABLED";
  return {
    message: isIntrospection
      ? "Introspection is off."
      : withoutValues(message.slice(0, MESSAGE_MAX_LENGTH)),
    ...place,
    extensions: hasCode ? extensions : { code: "BAD_REQUEST" },
  };
}

/** graphql-js repeats the value it refuses, which may be a password, and of which a cut message has no end. */
function withoutValues(message: string): string {
  return message
    .replace(/^(Variable "\$\w+" got invalid value) .*$/s, "$1.")
    .replace(/^(Argument "\w+" has invalid value) .*$/s, "$1.")
    .replace(/^(DateTime cannot represent .*?(?:string|type)) .*$/s, "$1.")
    .replace(/( cannot represent .*?value): .*$/s, "$1.")
    .replace(/^(Expected value of type .*?), found .*$/s, "$1.")
    .replace(/^Value ".*$/s, "The value does not exist in the enum.")
    .replace(/(Invalid .*? escape sequence): .*$/s, "$1.")
    .replace(/(Invalid number), .*$/s, "$1.")
    .replace(/(Invalid character): .*$/s, "$1.")
    .replace(/((?:Block)?String|Name|Int|Float) ".*$/s, "$1.");
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
        const code = error?.extensions?.["code"];
        const isOurs = typeof code === "string" && Object.hasOwn(HTTP_STATUS, code);
        if (!isOurs || accept === undefined || !prefersGraphqlResponse(accept)) {
          return Promise.resolve();
        }
        http.status = HTTP_STATUS[code as ErrorCode];
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

const SAFE_OPTIONS = {
  formatError,
  plugins: [httpStatusPlugin, errorLimitPlugin],
  parseOptions: PARSE_LIMITS,
  // For each, graphql-js prints all of the value that is refused.
  executionOptions: { maxCoercionErrors: 1 },
  includeStacktraceInErrorResponses: false,
  persistedQueries: false as const,
};
