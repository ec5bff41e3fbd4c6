import { isAsyncIterable, type Plugin } from "graphql-yoga";

const STATUS: Readonly<Record<string, number>> = {
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  BAD_USER_INPUT: 400,
  TOO_MANY_REQUESTS: 429,
  SERVICE_UNAVAILABLE: 503,
};

/**
 * Sets the HTTP status of a refusal without data, for clients that accept `application/graphql-response+json`. Other
 * clients get 200, as the specification says.
 */
export const httpStatus: Plugin = {
  onResultProcess({ result }) {
    if (Array.isArray(result) || isAsyncIterable(result) || result.data !== null) return;
    const [error] = result.errors ?? [];
    const status = STATUS[String(error?.extensions["code"])];
    if (error === undefined || status === undefined) return;
    error.extensions["http"] = { status, spec: true };
  },
};
