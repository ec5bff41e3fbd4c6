import { createHash, randomUUID } from "node:crypto";
import type { AddressInfo } from "node:net";
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
import { createApolloServer, internalServerError, type ServerContext } from "./apollo.js";
import { type Auth, openAuth } from "./auth.js";
import {
  type AuthConfig,
  resolveServerConfig,
  type ServerConfig,
  type ServerOptions,
  serverUrl,
} from "./config.js";
import { readGraphiql } from "./graphiql.js";

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

/**
 * Starts a server: GraphQL at `POST /graphql`, GraphiQL at `GET /graphql`, the public keys, and health.
 * @throws TypeError that names the option which is wrong; Error when the port or the database cannot be opened
 */
export async function createServer(options: ServerOptions): Promise<Server> {
  const config = resolveServerConfig(options);
  const app = createApp(config);
  const auth = await openAuth({ ...config.auth, onEvent: auditTo(app.log, config.auth.onEvent) });
  try {
    auth.maintenance.start((error) => {
      app.log.error({ err: error }, "maintenance failed");
    });
    await addGraphql(app, auth, config);
    addKeys(app, auth);
    addHealth(app, auth);
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
  return (event) => {
    const { type, ...details } =
      "login" in event ? { ...event, login: fingerprint(event.login) } : event;
    log.info({ audit: type, ...details }, "audit");
    return onEvent(event);
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

function createApp({ trustedProxies, logLevel }: ServerConfig): FastifyInstance {
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
  app.removeContentTypeParser("text/plain");
  app.addHook("onRequest", (_request, reply, done) => {
    void reply.headers(SECURITY_HEADERS);
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
  415: "The content type must be application/json.",
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
    await app.register(fastifyCors, { origin: [...config.corsOrigins], methods: ["POST"] });
  }
  app.post("/graphql", (request, reply) => runOperation(apollo, auth, request, reply));
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

/** Hands a request to Apollo Server, whose answer is always one JSON text. */
async function runOperation(
  apollo: ApolloServer<ServerContext>,
  auth: Auth,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const httpHeaders = new HeaderMap();
  for (const [name, value] of Object.entries(request.headers)) {
    httpHeaders.set(name, String(value));
  }
  const { rawHeaders } = request.raw;
  const answer = await apollo.executeHTTPGraphQLRequest({
    httpGraphQLRequest: { method: "POST", headers: httpHeaders, search: "", body: request.body },
    context: async () => {
      const { id: requestId, headers, ip } = request;
      try {
        return { ...(await auth.createContext({ headers, rawHeaders, ip })), requestId };
      } catch (error) {
        request.log.error({ err: error }, "the context could not be built");
        throw internalServerError(requestId);
      }
    },
  });
  if (answer.body.kind !== "complete") throw new Error("Incremental delivery is not served.");
  for (const [name, value] of answer.headers) void reply.header(name, value);
  return reply.code(answer.status ?? 200).send(answer.body.string);
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
