import { createHash, randomUUID } from "node:crypto";
import type { Server as HttpServer } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import fastifyCors from "@fastify/cors";
import { type ApolloServer, HeaderMap } from "@apollo/server";
import {
  fastify,
  type FastifyBaseLogger,
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from "fastify";
import {
  createApolloServer,
  internalServerError,
  type OperationRecord,
  type ServerContext,
} from "./apollo.js";
import { type Auth, openAuth } from "./auth.js";
import type { RefreshCookie } from "./authentication/refresh-cookie.js";
import {
  type AuthConfig,
  resolveServerConfig,
  type ServerConfig,
  type ServerOptions,
  serverUrl,
} from "./config.js";
import { createRefreshCookie, CSRF_HEADER } from "./cookie.js";
import { DocumentLimits } from "./document-limits.js";
import { ServiceUnavailable } from "./errors.js";
import { readGraphiql } from "./graphiql.js";
import { requirePrivateFiles } from "./private-files.js";

/** A running server. */
export interface Server {
  /** Where it listens. */
  readonly url: string;
  /** Whether GraphiQL is served at `GET /graphql`. */
  readonly hasGraphiql: boolean;
  readonly auth: Auth;
  /** Stops accepting, lets running requests end, and closes the database. */
  close(): Promise<void>;
}

const BODY_LIMIT = 100 * 1024;
const HEADERS_TIMEOUT = 10_000;
const REQUEST_TIMEOUT = 30_000;
const KEEP_ALIVE_TIMEOUT = 5_000;
const MAX_CONNECTIONS = 1_000;
/** How long an operation may take, in milliseconds. */
const OPERATION_TIMEOUT = 10_000;
/** When to try again what took too long, in seconds. */
const RETRY_AFTER = 5;
const READINESS_TIMEOUT = 1_000;
/** How long running requests, and those who never finish theirs, may hold up the end. */
const CLOSE_TIMEOUT = 5_000;

/** On every answer; GraphiQL and the key set replace what they must. */
const SECURITY_HEADERS = {
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};

/** Where the client came by TLS, which a trusted proxy tells. */
const HTTPS_HEADERS = { "strict-transport-security": "max-age=31536000; includeSubDomains" };

/**
 * Starts a server: GraphQL at `POST /graphql`, GraphiQL at `GET /graphql`, the public keys, and health.
 * @throws TypeError that names the option which is wrong; Error when the port or the database cannot be opened
 */
export async function createServer(options: ServerOptions): Promise<Server> {
  const config = resolveServerConfig(options);
  const app = createApp(config);
  const audited = { ...config.auth, onEvent: auditTo(app.log, config.auth.onEvent) };
  const auth = await openAuth(audited, (error) => {
    app.log.warn({ err: error }, "something failed that failed no request");
  });
  try {
    auth.maintenance.start((error) => {
      app.log.error({ err: error }, "maintenance failed");
    });
    await addGraphql(app, auth, config);
    addKeys(app, auth);
    addHealth(app, auth);
    if (!config.isOpen) requirePrivateFiles(config.auth.databaseUrl);
    await listen(app, config);
  } catch (error) {
    await app.close();
    await auth.close();
    throw error;
  }
  return {
    url: serverUrl(config.host, portOf(app)),
    hasGraphiql: config.graphiql,
    auth,
    close: async () => {
      const impatient = setTimeout(() => {
        app.server.closeAllConnections();
      }, CLOSE_TIMEOUT).unref();
      await app.close();
      clearTimeout(impatient);
      await auth.close();
    },
  };
}

/** Logs each event, with who tried to log in made unreadable: people type passwords into the wrong field. */
function auditTo(log: FastifyBaseLogger, onEvent: AuthConfig["onEvent"]): AuthConfig["onEvent"] {
  return (event, client) => {
    const { type, ...details } =
      "login" in event ? { ...event, login: fingerprint(event.login) } : event;
    const { ipAddress: ip, requestId: reqId } = client;
    log.info({ audit: type, ...details, ...(reqId && { reqId, ip }) }, "audit");
    return onEvent(event, client);
  };
}

function fingerprint(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}

/** What the system says when it cannot listen, in our words. */
const LISTEN_ERRORS: Readonly<Record<string, string>> = {
  EADDRINUSE: "port: is in use by another process",
  EACCES: "port: may not be used by this process",
  EADDRNOTAVAIL: "host: is no address of this machine",
  ENOTFOUND: "host: is no address of this machine",
};

async function listen(app: FastifyInstance, { host, port }: ServerConfig): Promise<void> {
  try {
    await app.listen({ host, port });
  } catch (error) {
    const message = LISTEN_ERRORS[(error as NodeJS.ErrnoException).code ?? ""];
    throw message === undefined ? error : new TypeError(message, { cause: error });
  }
}

/** The port that the system picked, where 0 was asked for. */
function portOf(app: FastifyInstance): number {
  return (app.server.address() as AddressInfo).port;
}

function createApp(config: ServerConfig): FastifyInstance {
  const { trustedProxies, logLevel } = config;
  const app = fastify({
    bodyLimit: BODY_LIMIT,
    http: { headersTimeout: HEADERS_TIMEOUT, connectionsCheckingInterval: 1_000 },
    frameworkErrors: (error, request, reply) => {
      void (reply as FastifyReply)
        .code(error.statusCode ?? 400)
        .send(toGraphqlError(400, request.id));
    },
    requestTimeout: REQUEST_TIMEOUT,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT,
    trustProxy: trustedProxies.length > 0 ? [...trustedProxies] : false,
    logger: { level: logLevel, base: null },
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: () => randomUUID(),
  });
  app.server.maxConnections = MAX_CONNECTIONS;
  if (trustedProxies.length === 0) limitConnections(app.server, config.connectionsPerAddress);
  app.removeContentTypeParser("text/plain");
  app.decorateRequest(RECORD, null);
  app.addHook("onRequest", (request, reply, done) => {
    void reply.headers(SECURITY_HEADERS);
    if (request.protocol === "https") void reply.headers(HTTPS_HEADERS);
    const { "content-encoding": encoding = "identity" } = request.headers;
    if (encoding.toLowerCase() === "identity") done();
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

/** Closes a connection at once when its address has too many. */
function limitConnections(server: HttpServer, max: number): void {
  const counts = new Map<string, number>();
  server.on("connection", (socket: Socket) => {
    const address = socket.remoteAddress ?? "";
    const count = (counts.get(address) ?? 0) + 1;
    counts.set(address, count);
    socket.once("close", () => {
      const rest = (counts.get(address) ?? 1) - 1;
      if (rest === 0) counts.delete(address);
      else counts.set(address, rest);
    });
    if (count > max) socket.destroy();
  });
}

/** Where a request keeps its {@link OperationRecord}. */
const RECORD = "operationRecord";

/** One line a request, with nothing of its own words but the operation's name. */
function logRequest(request: FastifyRequest, reply: FastifyReply): void {
  const { routeOptions, method, ip } = request;
  const path = routeOptions.url ?? null;
  const ms = Math.round(reply.elapsedTime * 10) / 10;
  const record = request.getDecorator<OperationRecord | null>(RECORD);
  const { statusCode: status } = reply;
  const outcome = record?.outcome ?? (status < 400 ? "ok" : "refused");
  request.log.info({ method, path, ip, status, ms, ...record, outcome }, "request");
}

/** What is said of a request that never became a GraphQL request. */
function toGraphqlError(status: number, requestId: string) {
  const isBug = status >= 500;
  const message = MESSAGES[status] ?? "Bad request.";
  const code = isBug ? "INTERNAL_SERVER_ERROR" : "BAD_REQUEST";
  const extensions = isBug ? { code, requestId } : { code };
  return { errors: [{ message: isBug ? "Internal server error." : message, extensions }] };
}

const MESSAGES: Readonly<Record<number, string>> = {
  400: "The body must be one JSON object with a `query`.",
  404: "There is nothing here. GraphQL is at POST /graphql.",
  405: "GraphQL is at POST /graphql.",
  413: "The body must be at most 100 KiB.",
  415: "The content type must be application/json, and the body not compressed.",
};

async function addGraphql(app: FastifyInstance, auth: Auth, config: ServerConfig): Promise<void> {
  const apollo = createApolloServer(auth.schema, {
    introspection: config.introspection,
    onFault: (error, requestId) => {
      app.log.error({ err: error, reqId: requestId }, "a resolver failed");
    },
  });
  await apollo.start();
  app.addHook("onClose", () => apollo.stop());
  if (config.corsOrigins.length > 0) {
    await app.register(fastifyCors, {
      origin: [...config.corsOrigins],
      methods: ["POST"],
      allowedHeaders: ["authorization", "content-type", CSRF_HEADER],
      credentials: config.refreshCookie,
      exposedHeaders: ["retry-after", "www-authenticate"],
      maxAge: 600,
    });
  }
  const limits = new DocumentLimits(auth.schema);
  app.post("/graphql", (request, reply) =>
    runOperation({ apollo, auth, limits, config }, request, reply),
  );
  if (config.graphiql) await addGraphiql(app);
  app.route({
    method: config.graphiql
      ? ["PUT", "PATCH", "DELETE"]
      : ["GET", "HEAD", "PUT", "PATCH", "DELETE"],
    url: "/graphql",
    handler: (request, reply) =>
      reply.code(405).header("allow", "POST").send(toGraphqlError(405, request.id)),
  });
}

interface Graphql {
  readonly apollo: ApolloServer<ServerContext>;
  readonly auth: Auth;
  readonly limits: DocumentLimits;
  readonly config: ServerConfig;
}

/** Hands a request to Apollo Server, whose answer is always one JSON text. */
async function runOperation(
  { apollo, auth, limits, config }: Graphql,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const httpHeaders = new HeaderMap();
  for (const [name, value] of Object.entries(request.headers)) {
    httpHeaders.set(name, String(value));
  }
  const { rawHeaders } = request.raw;
  const record: OperationRecord = {};
  request.setDecorator(RECORD, record);
  const running = apollo.executeHTTPGraphQLRequest({
    httpGraphQLRequest: { method: "POST", headers: httpHeaders, search: "", body: request.body },
    context: async () => {
      const { id: requestId, headers, ip, raw } = request;
      const { query } = (request.body ?? {}) as { query?: unknown };
      // Of a body that is no request Apollo Server says so.
      if (typeof query === "string" && query !== "") limits.check(query);
      try {
        const { socket } = raw;
        const context = await auth.createContext({
          headers,
          rawHeaders,
          ip,
          socket,
          id: requestId,
        });
        const cookie = config.refreshCookie ? cookieOf(request, reply, config) : undefined;
        return { ...context, requestId, record, ...(cookie && { refreshCookie: cookie }) };
      } catch (error) {
        request.log.error({ err: error }, "the context could not be built");
        throw internalServerError(requestId);
      }
    },
  });
  const answer = await withinTime(running);
  if (answer === null) {
    record.outcome = "SERVICE_UNAVAILABLE";
    const error = new ServiceUnavailable(RETRY_AFTER);
    return reply
      .code(503)
      .header("retry-after", RETRY_AFTER)
      .send({ errors: [error] });
  }
  if (answer.body.kind !== "complete") throw new Error("Incremental delivery is not served.");
  for (const [name, value] of answer.headers) void reply.header(name, value);
  return reply.code(answer.status ?? 200).send(answer.body.string);
}

function cookieOf(
  { headers, host }: FastifyRequest,
  reply: FastifyReply,
  { corsOrigins, auth: { now } }: ServerConfig,
): RefreshCookie {
  return createRefreshCookie({ headers, host, corsOrigins, now }, (line) => {
    void reply.header("set-cookie", line);
  });
}

/** What comes of `running`, or null when it takes too long. */
async function withinTime<Result>(running: Promise<Result>): Promise<Result | null> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<null>((resolve) => {
    timer = setTimeout(resolve, OPERATION_TIMEOUT, null);
  });
  try {
    return await Promise.race([running, timeout]);
  } finally {
    clearTimeout(timer);
  }
}

async function addGraphiql(app: FastifyInstance): Promise<void> {
  const { page, files } = await readGraphiql();
  app.get("/graphql", (request, reply) => {
    if (!request.headers.accept?.includes("text/html")) {
      return reply.code(405).header("allow", "POST").send(toGraphqlError(405, request.id));
    }
    return reply.headers(page.headers).send(page.body);
  });
  for (const { path, headers, body } of files) {
    app.get(path, (_request, reply) => reply.headers(headers).send(body));
  }
}

function addKeys(app: FastifyInstance, auth: Auth): void {
  app.get("/.well-known/jwks.json", (_request, reply) =>
    reply.header("cache-control", "public, max-age=300").send(auth.jwks()),
  );
}

function addHealth(app: FastifyInstance, auth: Auth): void {
  app.get("/health/live", () => ({ status: "ok" }));
  app.get("/health/ready", async (_request, reply) => {
    const isReady = await Promise.race([auth.isReady(), sleep(READINESS_TIMEOUT, false)]);
    return reply.code(isReady ? 200 : 503).send({ status: isReady ? "ok" : "unavailable" });
  });
}
