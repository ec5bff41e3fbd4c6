import { randomUUID } from "node:crypto";
import type { Server as HttpServer } from "node:http";
import { isIP, type Socket } from "node:net";
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
import { addressKey } from "../throttling/address-key.js";
import { refuseConnection, SECURITY_HEADERS, toGraphqlError } from "./refusals.js";

/** The limits on headers and bodies, in bytes. */
const BODY_LIMIT = 100 * 1024;
/** Timeouts are in milliseconds. */
const HEADERS_TIMEOUT = 10_000;
const REQUEST_TIMEOUT = 30_000;
const KEEP_ALIVE_TIMEOUT = 5_000;
/** Closes a connection after this time without a byte in either direction. Longer than the longest request. */
const IDLE_TIMEOUT = 40_000;
const MAX_CONNECTIONS = 1_000;

/** JSON is always UTF-8. @see RFC 8259 8.1 */
const OTHER_CHARSET = /;\s*charset\s*=(?!\s*"?utf-8"?\s*(;|$))/i;

/** Sent if a trusted proxy says that the client uses TLS. */
const HTTPS_HEADERS = { "strict-transport-security": "max-age=31536000; includeSubDomains" };

/** The settings of {@link createApp}. */
type AppConfig = Pick<ServerConfig, "trustedProxies" | "logLevel" | "connectionsPerAddress">;

/**
 * Creates an HTTP server without routes. It limits and logs requests, and formats errors as GraphQL responses.
 * @param logStream where the log is written. @default standard output
 */
export function createApp(
  { trustedProxies, logLevel, connectionsPerAddress }: AppConfig,
  logStream?: NodeJS.WritableStream,
): FastifyInstance {
  const app = fastify({
    bodyLimit: BODY_LIMIT,
    http: { headersTimeout: HEADERS_TIMEOUT, connectionsCheckingInterval: 1_000 },
    frameworkErrors: (error, request, reply) => {
      const status = error.statusCode ?? 400;
      // Fastify runs no hooks for these errors.
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
      refuseConnection(app.log, error, socket);
    },
    requestTimeout: REQUEST_TIMEOUT,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT,
    connectionTimeout: IDLE_TIMEOUT,
    trustProxy: trustedProxies.length > 0 ? [...trustedProxies] : false,
    logger: { level: logLevel, base: null, ...(logStream && { stream: logStream }) },
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: () => randomUUID(),
  });
  app.server.maxConnections = MAX_CONNECTIONS;
  // Without this handler, Node answers an unknown expectation itself, without a body. @see RFC 9110 10.1.1
  app.server.on("checkExpectation", (request, response) => {
    app.server.emit("request", request, response);
  });
  if (trustedProxies.length === 0) limitConnections(app.server, connectionsPerAddress);
  app.removeContentTypeParser("text/plain");
  app.decorateRequest(RECORD, null);
  app.addHook("onRequest", (request, reply, done) => {
    void reply.headers(SECURITY_HEADERS);
    if (request.protocol === "https") void reply.headers(HTTPS_HEADERS);
    const { "content-encoding": encoding = "identity", "content-type": type = "" } =
      request.headers;
    if (encoding.toLowerCase() === "identity" && !OTHER_CHARSET.test(type)) done();
    else void reply.code(415).send(toGraphqlError(415, request.id));
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
  return app;
}

/** Closes new connections of an address that has `max` already. */
function limitConnections(server: HttpServer, max: number): void {
  const counts = new Map<string, number>();
  server.on("connection", (socket: Socket) => {
    const { remoteAddress } = socket;
    const address = remoteAddress === undefined ? "" : addressKey(remoteAddress);
    const count = (counts.get(address) ?? 0) + 1;
    counts.set(address, count);
    socket.once("close", () => {
      const remaining = (counts.get(address) ?? 1) - 1;
      if (remaining === 0) counts.delete(address);
      else counts.set(address, remaining);
    });
    if (count > max) socket.destroy();
  });
}

/** The name of the request decorator that holds the {@link OperationRecord}. */
export const RECORD = "operationRecord";

/** Logs one line. The operation's name is the only text of the client in it. */
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
