import type { ApolloServerPlugin, GraphQLResponse } from "@apollo/server";
import { unwrapResolverError } from "@apollo/server/errors";
import { GraphQLError } from "graphql";
import Negotiator from "negotiator";
import type { AuthContext } from "../authentication/context.js";
import { challengesOf, type ErrorCode, HTTP_STATUS } from "../errors.js";
import { stacksOf } from "../events.js";
import { isBug, MASKED } from "./format-error.js";
import { rootFieldOf } from "./root-field.js";

const GRAPHQL_RESPONSE = "application/graphql-response+json; charset=utf-8";
const MEDIA_TYPES = ["application/json; charset=utf-8", GRAPHQL_RESPONSE];

/** How many characters of an operation's name are logged at most. */
const NAME_MAX_LENGTH = 128;

/** The limit for the total size of all errors in a response, in bytes. */
const MAX_ERRORS_SIZE = 64 * 1024;

/** The details of an operation for the log and for features that observe operations. */
export interface OperationRecord {
  operation?: string;
  /** `ok`, or the code of the first error. `error` if that code is not a string. */
  outcome: string;
  /** The type of the operation, such as `query` or `mutation`. Only {@link observePlugin} sets it. */
  type?: string;
  /** The root field, such as `login`, or `multiple` if there are several. Only {@link observePlugin} sets it. */
  field?: string;
  /** The `extensions.reason` of the first error. Only {@link observePlugin} sets it. */
  reason?: string;
}

export interface ServerContext extends AuthContext {
  readonly requestId: string;
  readonly record: OperationRecord;
  /** Logs a bug or an outage. */
  onFault(this: void, error: unknown): void;
}

/** Keeps the first error of a response, and at most `max` errors and {@link MAX_ERRORS_SIZE} bytes of errors. */
export function errorLimitPlugin(max: number): ApolloServerPlugin {
  return {
    requestDidStart: () =>
      Promise.resolve({
        willSendResponse: ({ response: { body } }) => {
          const result = resultOf(body);
          if (result.errors === undefined) return Promise.resolve();
          let size = 0;
          result.errors = result.errors.slice(0, max).filter((error, index) => {
            size += Buffer.byteLength(JSON.stringify(error));
            // Without any error, the response would look like a success. So the first error is never too large.
            return index === 0 || size <= MAX_ERRORS_SIZE;
          });
          return Promise.resolve();
        },
      }),
  };
}

/** Returns the result of a response, or the first part of it. */
function resultOf(body: GraphQLResponse["body"]) {
  return body.kind === "single" ? body.singleResult : body.initialResult;
}

/** Returns the extensions of each error of a response. */
function extensionsOf(body: GraphQLResponse["body"]): Record<string, unknown>[] {
  return (resultOf(body).errors ?? []).map(({ extensions = {} }) => extensions);
}

/** Records the name and the outcome of each operation for the log. */
export const recordPlugin: ApolloServerPlugin<ServerContext> = {
  requestDidStart: ({ contextValue: { record } }) =>
    Promise.resolve({
      willSendResponse: ({ operationName, response: { body } }) => {
        if (operationName != null) record.operation = operationName.slice(0, NAME_MAX_LENGTH);
        const [first] = extensionsOf(body);
        const code = first?.["code"];
        record.outcome = first === undefined ? "ok" : typeof code === "string" ? code : "error";
        return Promise.resolve();
      },
    }),
};

/** Records the type, root field and reason of each operation. Used only if a feature observes operations. */
export const observePlugin: ApolloServerPlugin<ServerContext> = {
  requestDidStart: ({ contextValue: { record } }) =>
    Promise.resolve({
      didResolveOperation: ({ operation, document }) => {
        if (operation !== undefined) {
          record.type = operation.operation;
          record.field = rootFieldOf(operation, document);
        }
        return Promise.resolve();
      },
      willSendResponse: ({ response: { body } }) => {
        const { reason } = extensionsOf(body)[0] ?? {};
        if (typeof reason === "string") record.reason = reason;
        return Promise.resolve();
      },
    }),
};

/** Reports bugs and outages. Adds the request id to the error that a client gets for a bug. */
export const faultPlugin: ApolloServerPlugin<ServerContext> = {
  requestDidStart: ({ contextValue: { requestId, onFault } }) =>
    Promise.resolve({
      didEncounterErrors: ({ errors }) => {
        for (const error of errors.filter(isFault)) onFault(unwrapResolverError(error));
        return Promise.resolve();
      },
      willSendResponse: ({ response: { body } }) => {
        for (const extensions of extensionsOf(body)) {
          if (extensions["code"] === MASKED.code) extensions["requestId"] = requestId;
        }
        return Promise.resolve();
      },
    }),
};

/** Logs bugs and outages with their stacks, through Apollo Server's `logger`. */
export function logPlugin(): ApolloServerPlugin {
  let log: (error: unknown) => void;
  return {
    serverWillStart: ({ logger }) => {
      log = (error) => {
        logger.error(stacksOf(error as Error));
      };
      return Promise.resolve();
    },
    contextCreationDidFail: ({ error }) => {
      if (!(error instanceof GraphQLError) || isFault(error)) log(error);
      return Promise.resolve();
    },
    requestDidStart: () =>
      Promise.resolve({
        didEncounterErrors: ({ errors }) => {
          for (const error of errors.filter(isFault)) log(unwrapResolverError(error));
          return Promise.resolve();
        },
      }),
  };
}

function isFault(error: GraphQLError): boolean {
  return isBug(error) || isOutage(error);
}

/**
 * Returns whether the server cannot answer because something failed, such as the database. The error then has a
 * `cause`, also if all connections to the database were busy for too long. An error without a `cause` is no outage:
 * Gatehouse itself refused the request, for example because too many passwords wait to be hashed.
 */
function isOutage(error: GraphQLError): boolean {
  if (error.extensions["code"] !== "SERVICE_UNAVAILABLE") return false;
  return (unwrapResolverError(error) as Error).cause !== undefined;
}

/**
 * Sets the HTTP status for the code of the first error. Also sets `WWW-Authenticate` and `Retry-After` if the error
 * needs them. Changes only responses of type `application/graphql-response+json` whose `data` is null, and whose first
 * error has one of Gatehouse's codes. Meant for Apollo Server's option `plugins`.
 * @see https://graphql.github.io/graphql-over-http/draft/#sec-Status-Codes
 */
export const httpStatusPlugin: ApolloServerPlugin = {
  requestDidStart: () =>
    Promise.resolve({
      willSendResponse: ({ request, response }) => {
        const { body, http } = response;
        if (resultOf(body).data !== null) return Promise.resolve();
        const accept = request.http?.headers.get("accept");
        const extensions = extensionsOf(body)[0] ?? {};
        const { code, retryAfter } = extensions;
        const isOurs = typeof code === "string" && Object.hasOwn(HTTP_STATUS, code);
        if (!isOurs || !prefersGraphqlResponse(accept)) return Promise.resolve();
        http.status = HTTP_STATUS[code as ErrorCode];
        const challenges = challengesOf(extensions);
        if (challenges !== null) http.headers.set("www-authenticate", challenges);
        if (typeof retryAfter === "number") http.headers.set("retry-after", retryAfter.toString());
        return Promise.resolve();
      },
    }),
};

function prefersGraphqlResponse(accept: string | undefined): boolean {
  return new Negotiator({ headers: { accept } }).mediaType(MEDIA_TYPES) === GRAPHQL_RESPONSE;
}

/**
 * Adds {@link AuthContext.responseHeaders}, such as the refresh cookie, to Apollo Server's response. If several headers
 * have the same name, Apollo Server sends only the last.
 */
export const responseHeadersPlugin: ApolloServerPlugin<AuthContext> = {
  // A context that `createContext` did not make has no response headers.
  requestDidStart: ({ contextValue }: { contextValue: Partial<AuthContext> }) =>
    Promise.resolve({
      willSendResponse: ({ response: { http } }) => {
        contextValue.responseHeaders?.forEach(([name, value]) => http.headers.set(name, value));
        return Promise.resolve();
      },
    }),
};
