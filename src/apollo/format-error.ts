import { ApolloServerErrorCode } from "@apollo/server/errors";
import { GraphQLError, type GraphQLFormattedError } from "graphql";
import { AuthError } from "../errors.js";
import { withoutValues } from "./without-values.js";

/** The extensions of the error that a client gets for a bug. */
export const MASKED = { code: "INTERNAL_SERVER_ERROR" };

/** The sentences that replace messages of unknown form, by error code. Other codes get {@link DEFAULT_SENTENCE}. */
const SENTENCES: Readonly<Record<string, string>> = {
  GRAPHQL_PARSE_FAILED: "Syntax Error: The document cannot be parsed.",
  GRAPHQL_VALIDATION_FAILED: "The document is not valid.",
  OPERATION_RESOLUTION_FAILURE: "The operation cannot be found in the document.",
  BAD_USER_INPUT: "A variable or an argument has an invalid value.",
};
const DEFAULT_SENTENCE = "The request is not valid.";

/** The codes that Apollo Server adds to its own errors and to errors of graphql-js. */
const APOLLO_CODES: ReadonlySet<unknown> = new Set(Object.values(ApolloServerErrorCode));

/**
 * Matches the messages of graphql-js about wrong arguments. Only the message distinguishes such an error from an error
 * that a resolver throws.
 */
const ARGUMENT_ERROR = /^Argument "\w+" (of required type|of non-null type|has invalid value) /;

/**
 * Returns the part of an error that a client may see. Meant for Apollo Server's option `formatError`.
 *
 * - An {@link AuthError}, or another error that a resolver throws with a code, keeps its message and extensions. So
 *   does an error of the context, except a plain `GraphQLError` with a code of Apollo Server, such as `BAD_USER_INPUT`:
 *   it counts as an error in the request.
 * - An error in the request gets a message without values of the request. A fixed sentence replaces an unknown message.
 * - Any other error, or one with the code INTERNAL_SERVER_ERROR, is a bug. The client gets that code and a fixed
 *   message.
 */
export function formatError(
  formatted: GraphQLFormattedError,
  error: unknown,
): GraphQLFormattedError {
  const { message, locations, path } = formatted;
  const place = { ...(locations && { locations }), ...(path && { path }) };
  const extensions = { ...formatted.extensions };
  delete extensions["stacktrace"];
  if (!(error instanceof GraphQLError) || isBug(error)) {
    const { requestId } = extensions;
    const id = requestId === undefined ? {} : { requestId };
    return { message: "Internal server error.", ...place, extensions: { ...MASKED, ...id } };
  }
  return isAboutRequest(error)
    ? { ...describeBadRequest(error), ...place }
    : { message, ...place, extensions };
}

/** Returns the error to throw if building the context of a request fails. {@link formatError} sets its message. */
export function internalServerError(requestId: string): GraphQLError {
  return new GraphQLError("", { extensions: { ...MASKED, requestId } });
}

/**
 * Returns whether an error is a bug. An error with a code is a bug if the code is `INTERNAL_SERVER_ERROR`. An error
 * without a code is a bug, except when graphql-js reports a mistake in the request.
 */
export function isBug(error: GraphQLError): boolean {
  const { code } = error.extensions;
  if (typeof code === "string") return code === MASKED.code;
  return error.path === undefined ? error.originalError !== undefined : !isAboutArgument(error);
}

/** Returns whether an error is about a mistake in the request. Its message may then contain values of the request. */
function isAboutRequest(error: GraphQLError): boolean {
  if (isAboutArgument(error)) return true;
  if (error.path !== undefined || error instanceof AuthError) return false;
  const { code } = error.extensions;
  return typeof code !== "string" || APOLLO_CODES.has(code) || error.nodes !== undefined;
}

function isAboutArgument({ path, originalError }: GraphQLError): boolean {
  return (
    path !== undefined &&
    originalError instanceof GraphQLError &&
    ARGUMENT_ERROR.test(originalError.message)
  );
}

/** Describes an error in the request. Omits values of the request, and extensions that may contain values. */
function describeBadRequest(error: GraphQLError): GraphQLFormattedError {
  const { code: ownCode, validationErrorCode } = error.extensions;
  if (validationErrorCode === "INTROSPECTION_DISABLED") {
    return { message: "Introspection is off.", extensions: { code: ownCode, validationErrorCode } };
  }
  const code = isAboutArgument(error)
    ? "BAD_USER_INPUT"
    : typeof ownCode === "string"
      ? ownCode
      : "BAD_REQUEST";
  const message = withoutValues(error.message) ?? SENTENCES[code] ?? DEFAULT_SENTENCE;
  return {
    message,
    extensions: { code, ...(typeof validationErrorCode === "string" && { validationErrorCode }) },
  };
}
