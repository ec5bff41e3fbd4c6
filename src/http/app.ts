import { randomUUID } from "node:crypto";
import { isIP } from "node:net";
import {
  fastify,
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from "fastify";
import type { OperationRecord } from "../apollo/plugins.js";
import type { ServerConfig } from "../config/server-config.js";
import { ServiceUnavailable } from "../errors.js";
import { Connections } from "./connections.js";
import { findHeaderFault, schemeOf } from "./headers.js";
import { refuseConnection, SECURITY_HEADERS, toGraphqlError } from "./refusals.js";

/** The limit on bodies, in bytes. */
const BODY_LIMIT = 100 * 1024;
/** How long a client may take to send the headers, and the whole request, in milliseconds. */
const HEADERS_TIMEOUT = 10_000;
const REQUEST_TIMEOUT = 30_000;
/**
 * During a request, a connection without traffic is closed after this many milliseconds. An operation must time out
 * earlier.
 */
const IDLE_TIMEOUT = 40_000;
/** Seconds after which a client should retry if there are too many connections. */
const RETRY_AFTER = 1;

/** Sent if a trusted proxy says that the client uses TLS. */
const HTTPS_HEADERS = { "strict-transport-security": "max-age=31536000; includeSubDomains" };

type AppConfig = Pick<
  ServerConfig,
  "trustedProxies" | "logLevel" | "connectionsPerAddress" | "keepAliveTimeout"
>;

interface App {
  readonly app: FastifyInstance;
  readonly connections: Connections;
}

/**
 * Creates an HTTP server without routes. It limits and logs requests, and formats errors as GraphQL responses.
 * @param logStream where the log is written. @default standard output
 */
export function createApp(
  { trustedProxies, logLevel, connectionsPerAddress, keepAliveTimeout }: AppConfig,
  logStream?: NodeJS.WritableStream,
): App {
  const isBehindProxy = trustedProxies.length > 0;
  const app = fastify({
    bodyLimit: BODY_LIMIT,
    http: { headersTimeout: HEADERS_TIMEOUT, connectionsCheckingInterval: 1_000 },
    frameworkErrors: (error, request, reply) => {
      const status = error.statusCode ?? 400;
      // Fastify runs no hooks for these errors, so this function logs the request and sets the headers.
      request.log.info(
        { method: request.method, ip: request.socket.remoteAddress, status },
        "request",
      );
      void (reply as FastifyReply)
        .code(status)
        .headers(SECURITY_HEADERS)
        .send(toGraphqlError(400, request.id));
    },
    clientErrorHandler: (error, socket) => {
      const isUnused = error.code === "ERR_HTTP_REQUEST_TIMEOUT" && socket.bytesRead === 0;
      // A proxy may open connections before it needs them, so an unused connection stays open for a while.
      if (isBehindProxy && isUnused) socket.setTimeout(keepAliveTimeout * 1000);
      else refuseConnection(app.log, error, socket);
    },
    requestTimeout: REQUEST_TIMEOUT,
    keepAliveTimeout: keepAliveTimeout * 1000,
    // A stopping server still answers the requests that arrive.
    return503OnClosing: false,
    connectionTimeout: IDLE_TIMEOUT,
    trustProxy: isBehindProxy ? [...trustedProxies] : false,
    logger: { level: logLevel, base: null, ...(logStream && { stream: logStream }) },
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: () => randomUUID(),
  });
  // All connections of a proxy come from one address, so they are not limited by address.
  const connections = new Connections(app.server, isBehindProxy ? null : connectionsPerAddress);
  // If a request has an unknown `Expect` header, Node would send a response without a body. This listener handles such
  // a request like any other request.
  // @see RFC 9110 10.1.1
  app.server.on("checkExpectation", (request, response) => {
    app.server.emit("request", request, response);
  });
  app.removeContentTypeParser("text/plain");
  app.decorateRequest(RECORD, null);
  app.addHook("onRequest", (request, reply, done) => {
    void reply.headers(SECURITY_HEADERS);
    if (schemeOf(request) === "https") void reply.headers(HTTPS_HEADERS);
    if (connections.isRefused(request.raw.socket)) {
      const error = new ServiceUnavailable(RETRY_AFTER);
      void reply
        .code(503)
        .headers({ connection: "close", "retry-after": RETRY_AFTER })
        .send({ errors: [error] });
      return;
    }
    const fault = findHeaderFault(request);
    if (fault === null) done();
    else
      void reply.code(fault.status).send(toGraphqlError(fault.status, request.id, fault.message));
  });
  app.addHook("onSend", (request, reply, _payload, done) => {
    if (connections.isLast(request.raw.socket)) void reply.header("connection", "close");
    done();
  });
  app.addHook("onResponse", (request, reply, done) => {
    logRequest(request, reply);
    done();
  });
  app.setErrorHandler<FastifyError>((error, request, reply) => {
    const status = error.statusCode ?? 500;
    if (status >= 500) request.log.error({ err: error }, "request failed");
    return reply.code(status).send(toGraphqlError(status, request.id));
  });
  app.setNotFoundHandler((request, reply) => reply.code(404).send(toGraphqlError(404, request.id)));
  return { app, connections };
}

/** The name of the request decorator that holds the {@link OperationRecord}. */
export const RECORD = "operationRecord";

/** Logs a request in one line. The operation's name is the only text that a client can choose freely. */
function logRequest(request: FastifyRequest, reply: FastifyReply): void {
  const { routeOptions, method, ip: address } = request;
  // A proxy may pass on something that is not an address.
  const ip = isIP(address) === 0 ? request.socket.remoteAddress : address;
  const path = routeOptions.url ?? null;
  const ms = Math.round(reply.elapsedTime * 10) / 10;
  const record = request.getDecorator<OperationRecord | null>(RECORD);
  const { statusCode: status } = reply;
  const outcome = record?.outcome ?? (status < 400 ? "ok" : "refused");
  request.log.info({ method, path, ip, status, ms, ...record, outcome }, "request");
}
