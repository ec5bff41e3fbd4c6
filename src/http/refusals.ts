import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import type { FastifyBaseLogger, FastifyRequest } from "fastify";
import type { Route } from "../features/route.js";

/** The headers of every response. A route may replace them. */
export const SECURITY_HEADERS = {
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};

/** The settings of a feature's route that the hooks of `app.ts` read. Other routes have none. */
export interface RouteConfig extends Pick<Route, "refusalBody"> {
  /** Whether requests of the route never wait behind other requests. True for routes such as health checks. */
  readonly isProbe?: boolean;
}

/** Returns the body of a refusal: `usual`, unless the route has its own form. */
export function refusalBodyOf(request: FastifyRequest, status: number, usual: object): object {
  const { refusalBody } = request.routeOptions.config as RouteConfig;
  return refusalBody?.(status) ?? usual;
}

/**
 * Returns the response body for a request that fails outside GraphQL.
 * @param requestId sent for status 500 and above, so that the client can report the bug
 * @param message replaces the usual message of a status below 500
 */
export function toGraphqlError(
  status: number,
  requestId: string,
  message = MESSAGES[status] ?? "Bad request.",
) {
  const isBug = status >= 500;
  const code = isBug ? "INTERNAL_SERVER_ERROR" : "BAD_REQUEST";
  const extensions = isBug ? { code, requestId } : { code };
  return { errors: [{ message: isBug ? "Internal server error." : message, extensions }] };
}

const MESSAGES: Readonly<Record<number, string>> = {
  400: "The body must be one JSON object with a `query`.",
  404: "There is nothing here. GraphQL is at POST /graphql.",
  405: "GraphQL is at POST /graphql.",
  408: "The request took too long to arrive.",
  413: "The body must be at most 100 KiB.",
  415: "The content type must be application/json, and the body must not be compressed.",
  431: "The header must be at most 16 KiB.",
};

/** The HTTP statuses for error codes of Node's HTTP server. The status for any other code is 400. */
const CLIENT_ERRORS: Readonly<Record<string, number>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 408,
  HPE_HEADER_OVERFLOW: 431,
};

/**
 * Answers a request that Node cannot parse or that arrives too slowly, and closes the connection. Does not log the
 * request's bytes, because they may contain a credential.
 */
export function refuseConnection(
  log: FastifyBaseLogger,
  { code = "" }: NodeJS.ErrnoException,
  socket: Socket,
): void {
  if (code === "ECONNRESET" || socket.destroyed) return;
  const status = CLIENT_ERRORS[code] ?? 400;
  log.info({ ip: socket.remoteAddress, status }, "request");
  const body = JSON.stringify(toGraphqlError(status, ""));
  const headers = {
    ...SECURITY_HEADERS,
    "content-type": "application/json; charset=utf-8",
    "content-length": Buffer.byteLength(body).toString(),
    connection: "close",
  };
  const lines = Object.entries(headers).map((header) => header.join(": "));
  const head = [`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, ...lines].join("\r\n");
  if (socket.writable) socket.write(`${head}\r\n\r\n${body}`);
  socket.destroy();
}
