import { randomUUID } from "node:crypto";
import {
  fastify,
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from "fastify";
import { parseTraceparent } from "../authentication/trace-context.js";
import type { ServerConfig } from "../config/server-config.js";
import { ServiceUnavailable, TooManyRequests } from "../errors.js";
import { BODY_LIMIT } from "../features/read-body.js";
import { Connections } from "./connections.js";
import { addressOf, findHeaderFault, schemeOf } from "./headers.js";
import { logRequest, RECORD } from "./observe-requests.js";
import {
  refusalBodyOf,
  refuseConnection,
  type RouteConfig,
  SECURITY_HEADERS,
  toGraphqlError,
} from "./refusals.js";
import { type Turn, Turns } from "./turns.js";

/** How long a client may take to send the headers, and the whole request, in milliseconds. */
const HEADERS_TIMEOUT = 10_000;
const REQUEST_TIMEOUT = 30_000;
/**
 * Milliseconds after which a connection without traffic is closed, even during a request. Must be longer than an
 * operation may take.
 */
const IDLE_TIMEOUT = 40_000;
/** Seconds after which a client should retry if there are too many connections, or too many requests at once. */
const RETRY_AFTER = 1;

/** Tells browsers to use only HTTPS. Sent if a trusted proxy says that the client uses TLS. */
const HTTPS_HEADERS = { "strict-transport-security": "max-age=31536000; includeSubDomains" };

/** Replaces Fastify's JSON schema compilers, which would load 100 modules. No route has a JSON schema. */
const NO_COMPILERS = { buildValidator: refuseSchemas, buildSerializer: refuseSchemas };

function refuseSchemas(): never {
  throw new TypeError("Routes cannot have JSON schemas.");
}

type AppConfig = Pick<
  ServerConfig,
  "trustedProxies" | "logLevel" | "connectionsPerAddress" | "keepAliveTimeout"
>;

interface App {
  readonly app: FastifyInstance;
  readonly connections: Connections;
}

/**
 * Creates an HTTP server without routes. The server limits and logs requests, and formats errors as GraphQL responses.
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
      // A proxy may open connections before it needs them, so an unused connection stays open for a while.
      if (isBehindProxy && socket.bytesRead === 0) socket.setTimeout(keepAliveTimeout * 1000);
      else refuseConnection(app.log, error, socket);
    },
    requestTimeout: REQUEST_TIMEOUT,
    keepAliveTimeout: keepAliveTimeout * 1000,
    // A stopping server still answers requests that arrive on open connections.
    return503OnClosing: false,
    connectionTimeout: IDLE_TIMEOUT,
    trustProxy: isBehindProxy ? [...trustedProxies] : false,
    schemaController: { compilersFactory: NO_COMPILERS },
    logger: { level: logLevel, base: null, ...(logStream && { stream: logStream }) },
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: () => randomUUID(),
    childLoggerFactory: (logger, bindings, options, { headers }) => {
      const traceId = parseTraceparent(headers["traceparent"]);
      return logger.child(traceId === null ? bindings : { ...bindings, traceId }, options);
    },
  });
  // All connections of a proxy come from one address, so they are not limited by address.
  const connections = new Connections(app.server, isBehindProxy ? null : connectionsPerAddress);
  // Without this listener, Node would answer a request with an unknown `Expect` header itself, without a body.
  // @see RFC 9110 10.1.1
  app.server.on("checkExpectation", (request, response) => {
    app.server.emit("request", request, response);
  });
  app.removeContentTypeParser("text/plain");
  const turns = new Turns(connectionsPerAddress);
  app.decorateRequest(RECORD, null);
  app.decorateRequest(TURN, null);
  app.addHook("onRequest", (request, reply, done) => {
    void reply.headers(SECURITY_HEADERS);
    if (schemeOf(request) === "https") void reply.headers(HTTPS_HEADERS);
    if (connections.isRefused(request.raw.socket)) {
      const error = new ServiceUnavailable(RETRY_AFTER);
      void reply
        .code(503)
        .headers({ connection: "close", "retry-after": RETRY_AFTER })
        .send(refusalBodyOf(request, 503, { errors: [error] }));
      return;
    }
    const fault = findHeaderFault(request);
    if (fault === null) {
      waitForTurn(turns, request, reply, done);
      return;
    }
    const { status, message } = fault;
    const usual = toGraphqlError(status, request.id, message);
    void reply.code(status).send(refusalBodyOf(request, status, usual));
  });
  app.addHook("onSend", (request, reply, _payload, done) => {
    request.getDecorator<Turn | null>(TURN)?.end();
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
    const usual = toGraphqlError(status, request.id);
    return reply.code(status).send(refusalBodyOf(request, status, usual));
  });
  app.setNotFoundHandler((request, reply) => reply.code(404).send(toGraphqlError(404, request.id)));
  return { app, connections };
}

/** The name of the request decorator that holds the {@link Turn}. */
const TURN = "turn";

/** Calls `done` when it is the request's turn. Refuses the request if too many requests of its address run and wait. */
function waitForTurn(
  turns: Turns,
  request: FastifyRequest,
  reply: FastifyReply,
  done: () => void,
): void {
  const address = addressOf(request);
  const { isProbe = false } = request.routeOptions.config as RouteConfig;
  // A closed connection has no address.
  if (address === "" || isProbe) {
    done();
    return;
  }
  const turn = turns.take(address);
  if (turn === null) {
    const usual = { errors: [new TooManyRequests(RETRY_AFTER)] };
    void reply
      .code(429)
      .header("retry-after", RETRY_AFTER)
      .send(refusalBodyOf(request, 429, usual));
    return;
  }
  request.setDecorator(TURN, turn);
  turn.begin(() => {
    // The client may have gone while the request waited.
    if (request.raw.socket.destroyed) turn.end();
    else done();
  });
}
